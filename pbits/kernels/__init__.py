"""Compiled inner loops: arrays in, arrays out, and nothing else.

Each kernel has a plain twin in `pbits.reference.twins`, equal spin for spin.
"""

"use strict";
// Sliders over the numbers of an account. A figure is a formula, a tree over named inputs; when a number moves, the
// tree is evaluated again. A number that was set is exact; the others keep their ranges.
(() => {
const Z95 = 1.959963984540054, DRAWS = 8192, STEPS = 240;

// Numbers as pbits.report.quantities writes them. Python rounds ties to even, JavaScript up.
const rounded = (x, digits) => {
  const [mantissa, exponent] = Math.abs(x).toExponential(60).split("e");
  const all = mantissa.replace(".", ""), kept = `${all[0]}.${all.slice(1, digits)}`;
  const tie = "02468".includes(all[digits - 1]) && /^50*$/.test(all.slice(digits));
  return Math.sign(x) * (tie ? Number(`${kept}e${exponent}`) : Number(Math.abs(x).toExponential(digits - 1)));
};
const grouped = (x, decimals = 0) =>
  x.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals || 20 });
const odd = (x) => (Number.isNaN(x) ? "nan" : x === 0 ? (Object.is(x, -0) ? "-0" : "0") : x > 0 ? "inf" : "-inf");
const PREFIXES = { "-21": "z", "-18": "a", "-15": "f", "-12": "p", "-9": "n", "-6": "µ", "-3": "m", 0: "",
  3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E" };
const PREFIXED = new Set(["J", "s", "W", "Hz", "V", "A", "F", "K", "B", "FLOP"]);

const si = (value, unit) => {
  if (value === null) return "not stated";
  if (!value || !Number.isFinite(value)) return `${odd(value)} ${unit}`;
  const round = rounded(value, 3), power = 3 * Math.floor(Math.log10(Math.abs(round)) / 3 + 1e-12);
  if (!(power in PREFIXES)) return `${number(value)} ${unit}`;
  return `${rounded(round / Number(`1e${power}`), 4)} ${PREFIXES[power]}${unit}`;
};
const ten = (power) =>
  `10${[...String(Number(power))].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("")}`;
const number = (value) => {
  if (value === null) return "—";
  if (!Number.isFinite(value)) return odd(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e9) return grouped(value);
  if (size >= 1e-3 && size < 1000) return grouped(rounded(value, 3));
  if (size >= 1000 && size < 1e5) return grouped(rounded(value, Math.floor(Math.log10(size)) + 2), 1);
  const [mantissa, exponent] = rounded(value, 3).toExponential().split("e");
  return `${mantissa} × ${ten(exponent)}`;
};
const times = (factor) => number(rounded(factor, 3));
const amount = (value, unit) =>
  value === null || PREFIXED.has(unit.split("/")[0]) ? si(value, unit)
    : unit === "1" ? number(value) : `${number(value)} ${unit}`;
const chance = (p) =>
  p === null ? "—" : p > 0.99 ? "> 99 %" : p < 0.01 ? "< 1 %" : `${rounded(100 * p, p < 0.1 ? 1 : 2)} %`;

// Formulas.
const OPERATORS = { "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b,
  "**": (a, b) => a ** b, min: Math.min, max: Math.max, exp: Math.exp, log: Math.log, log1p: Math.log1p, sqrt: Math.sqrt };
const compiled = (tree) => {
  if (typeof tree === "number") return () => tree;
  if (typeof tree === "string") return (held) => held[tree];
  const operate = OPERATORS[tree[0]], [a, b] = tree.slice(1).map(compiled);
  return b ? (held) => operate(a(held), b(held)) : (held) => operate(a(held));
};
const names = (tree) => (typeof tree === "string" ? [tree] : Array.isArray(tree) ? tree.slice(1).flatMap(names) : []);
const within = (x, one) => Math.min(Math.max(x, one.least), one.most ?? Infinity);
// The value z standard deviations from the stated one: half a log-normal on either side.
const at = (one, z) =>
  within(one.value * Math.exp((z / Z95) * Math.log(z > 0 ? one.high / one.value : one.value / one.low)), one);

// Normal deviates of a group of inputs that move together: the same for the same name, on every page.
const deviates = (name) => {
  let state = 2166136261;
  for (const letter of name) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Float64Array.from({ length: DRAWS }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  });
};

// One slider: whole steps on a logarithmic scale that pass through the stated value, and go beyond the range.
const scaleOf = (one) => {
  const spread = one.high / one.low, beyond = spread > 1 ? Math.max(2, spread ** 0.2) : 100;
  const low = Math.max(one.low / beyond, one.least), high = Math.min(one.high * beyond, one.most ?? Infinity);
  const whole = Math.log(high / low), stated = Math.round((STEPS * Math.log(one.value / low)) / whole);
  const step = whole / STEPS, place = (x) => Math.min(Math.max(stated + Math.log(x / one.value) / step, 0), STEPS);
  return { stated, place,
    // What is read is what is computed with: three digits.
    value: (k) => (k === stated ? one.value : within(rounded(one.value * Math.exp((k - stated) * step), 3), one)) };
};

const spreadOf = ({ share, keys }) =>
  `${Math.round(100 * share)} % of the spread${keys.length > 1 ? `, with ${keys.length - 1} more of one source` : ""}`;

class Assumptions {
  constructor(root) {
    this.root = root;
    this.anchor = root.dataset.anchor;
    const data = JSON.parse(root.querySelector("script").textContent);
    Object.assign(this, data, { first: data.pair, set: {}, drawn: {}, deviates: {} });
    // What equals the claim, up to rounding, holds.
    this.level = (this.claimed ?? 1) * (1 - 1e-9);
    this.rows = Object.fromEntries([...root.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row]));
    this.sliders = {};
    for (const [key, row] of Object.entries(this.rows)) this.slider(key, row);
    this.selects = [...root.querySelectorAll("select")];
    this.selects.forEach((select, side) => select.addEventListener("change", () => this.choose(side, select.value)));
    root.querySelector("[data-reset]").addEventListener("click", () => this.restore({}) || shareState());
    root.classList.add("live");
  }

  find(name) { return this.root.querySelector(`[data-${name}]`); }

  slider(key, row) {
    const one = this.inputs[key], scale = scaleOf(one), slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: 0, max: STEPS, step: 1 });
    slider.setAttribute("aria-labelledby", row.querySelector(".name").id);
    slider.style.setProperty("--from", scale.place(one.low) / STEPS);
    slider.style.setProperty("--to", scale.place(one.high) / STEPS);
    slider.style.setProperty("--at", scale.stated / STEPS);
    slider.addEventListener("input", () => {
      const k = Number(slider.value);
      if (k === scale.stated) delete this.set[key]; else this.set[key] = scale.value(k);
      this.show();
      shareState();
    });
    row.querySelector(".slide").append(slider);
    this.sliders[key] = { slider, scale };
  }

  choose(side, name) {
    const pair = [...this.pair];
    // A machine is not compared with itself: the two change places.
    if (pair[1 - side] === name) pair[1 - side] = pair[side];
    pair[side] = name;
    this.restore({ pair, set: this.set });
    shareState();
  }

  restore({ pair = this.first, set = {} }) {
    this.pair = pair;
    this.set = { ...set };
    this.show();
  }

  // The pair as the document tells it, turned over where it is asked for the other way round.
  told() {
    const [a, b] = this.pair, same = this.pairs.find((one) => one.a === a && one.b === b);
    const other = this.pairs.find((one) => one.a === b && one.b === a);
    if (same || other.reason) return same ?? other;
    const over = (x) => (x === null ? null : 1 / x), above = other.above === null ? null : 1 - other.above;
    const turned = { value: over(other.value), low: over(other.high), high: over(other.low), above };
    return { ...other, ...turned, parts: other.parts?.toReversed() };
  }

  held() {
    return { ...Object.fromEntries(Object.entries(this.inputs).map(([key, one]) => [key, one.value])), ...this.set };
  }

  // The inputs of the pair that may still vary, by what they move with.
  groups(used) {
    const groups = new Map();
    for (const key of used) {
      const one = this.inputs[key];
      if (one.low === one.high || key in this.set) continue;
      const name = one.group || `input ${key}`;
      groups.set(name, [...(groups.get(name) ?? []), key]);
    }
    return groups;
  }

  spread(groups, figure) {
    const columns = [], held = this.held(), values = new Float64Array(DRAWS);
    for (const [name, keys] of groups) {
      const z = (this.deviates[name] ??= deviates(name));
      for (const key of keys) columns.push([key, (this.drawn[key] ??= z.map((one) => at(this.inputs[key], one)))]);
    }
    for (let k = 0; k < DRAWS; k++) {
      for (const [key, column] of columns) held[key] = column[k];
      values[k] = figure(held);
    }
    const above = values.filter((x) => x >= this.level).length / DRAWS;
    values.sort();
    const quantile = (q) => values[Math.round(q * (DRAWS - 1))];
    return { low: quantile(0.025), high: quantile(0.975), above };
  }

  swings(groups, figure) {
    const rows = [...groups.values()].map((keys) => {
      const ends = [-Z95, Z95].map((z) => {
        const moved = Object.fromEntries(keys.map((key) => [key, at(this.inputs[key], z)]));
        return figure({ ...this.held(), ...moved });
      });
      return { keys, ends, weight: Math.log(ends[1] / ends[0]) ** 2 };
    });
    const whole = rows.reduce((sum, row) => sum + row.weight, 0) || 1;
    return rows.map((row) => ({ ...row, share: row.weight / whole })).sort((p, q) => q.share - p.share);
  }

  show() {
    const told = this.told(), trees = told.parts ?? this.pair.map((name) => this.accounts[name]);
    const used = [...new Set(trees.flatMap(names))], [a, b] = trees.map((tree) => tree && compiled(tree));
    const held = this.held(), figure = (values) => a(values) / b(values);
    const groups = this.groups(used), moved = used.some((key) => key in this.set);
    this.selects.forEach((select, side) => (select.value = this.pair[side]));
    const swings = told.reason ? [] : this.swings(groups, figure);
    this.showInputs(used, swings);
    this.pair.forEach((name, side) => {
      this.find(side ? "b" : "a").textContent = name;
      const account = side ? b : a;
      this.find(side ? "joules-b" : "joules-a").textContent = si(account ? account(held) : null, this.unit);
    });
    this.find("boundary").textContent = told.boundary ? ` at the ${told.boundary}` : "";
    const known = !told.reason, value = known ? figure(held) : null;
    const all = known && (moved ? { value, ...this.spread(groups, figure) } : { ...told, value });
    this.root.classList.toggle("refused", !known);
    this.find("why").textContent = told.reason ? `No ratio: ${told.reason}.` : "";
    this.find("ratio").textContent = known ? times(value) : "—";
    this.find("interval").textContent = known ? `${times(all.low)} to ${times(all.high)}` : "—";
    this.find("chance").textContent = known ? chance(all.above) : "—";
    this.find("moved").textContent = moved ? `with your numbers; as stated: ${known ? times(told.value) : "—"}` : "as stated";
    this.find("reset").disabled = !moved && String(this.pair) === String(this.first);
    if (this.claimed !== null)
      this.find("holds").textContent = value >= this.level ? "the claim holds" : "the claim does not hold";
    if (known) this.showAxis(all, told.value);
    this.showTornado(swings, value);
  }

  showInputs(used, swings) {
    const shares = Object.fromEntries(swings.flatMap((swing) => swing.keys.map((key) => [key, swing])));
    const shown = Object.keys(this.rows).filter((key) => used.includes(key));
    for (const [key, row] of Object.entries(this.rows)) {
      const { slider, scale } = this.sliders[key], one = this.inputs[key], now = this.set[key] ?? one.value;
      row.hidden = !shown.includes(key);
      row.classList.toggle("moved", key in this.set);
      slider.value = key in this.set ? Math.round(scale.place(now)) : scale.stated;
      row.querySelector("output").textContent = amount(now, one.unit);
      slider.setAttribute("aria-valuetext", amount(now, one.unit));
      row.querySelector(".was").textContent = key in this.set ? `stated: ${amount(one.value, one.unit)}` : "";
      row.querySelector(".share").textContent = shares[key]?.share >= 0.005 ? spreadOf(shares[key]) : "";
    }
    for (const name of ["uncertain", "exact"]) {
      const list = this.find(name);
      if (list) list.closest("details")?.toggleAttribute("hidden", !shown.some((key) => list.contains(this.rows[key])));
    }
  }

  // A logarithmic axis in whole decades around the ratio, 1, and what is claimed.
  showAxis({ low, high, value }, stated) {
    const points = [low, high, value, stated, 1, this.claimed].filter((x) => x > 0 && Number.isFinite(x)).map(Math.log10);
    const start = Math.floor(Math.min(...points) - 0.15), end = Math.ceil(Math.max(...points) + 0.15);
    const place = (x) => `${(100 * (Math.min(Math.max(Math.log10(x), start), end) - start)) / (end - start)}%`;
    const put = (name, x) => (this.find(name).style.left = place(x));
    put("one", 1);
    put("now", value);
    put("stated", stated);
    if (this.claimed !== null) put("claimed", this.claimed);
    const band = this.find("band");
    band.style.left = place(low);
    band.style.right = `calc(100% - ${place(high)})`;
    const every = Math.ceil((end - start) / 5), ticks = this.find("ticks");
    ticks.replaceChildren();
    for (let power = Math.ceil(start / every) * every; power <= end; power += every) {
      const tick = document.createElement("span");
      tick.textContent = Math.abs(power) < 5 ? number(Number(`1e${power}`)) : ten(power);
      tick.style.left = place(Number(`1e${power}`));
      ticks.append(tick);
    }
  }

  showTornado(swings, value) {
    const body = this.find("tornado"), rows = swings.filter(({ share }) => share >= 0.0005).slice(0, 10);
    this.find("hangs").hidden = !rows.length;
    const logs = [...rows.flatMap(({ ends }) => ends), value].map(Math.log);
    const start = Math.min(...logs), wide = Math.max(...logs) - start || 1;
    const place = (x) => (100 * (Math.log(x) - start)) / wide;
    body.replaceChildren(...rows.map(({ keys, ends, share }) => {
      const row = body.ownerDocument.createElement("tr"), labels = keys.map((key) => this.rows[key].querySelector(".name").textContent);
      const label = keys.length > 3 ? `${labels.slice(0, 2).join(", ")} and ${keys.length - 2} more of one source`
        : keys.length > 1 ? `${labels.slice(0, -1).join(", ")} and ${labels.at(-1)}` : labels[0];
      const cell = (text, kind) => {
        const made = document.createElement("td");
        made.textContent = text;
        made.className = kind;
        return made;
      };
      const bar = cell("", "bar"), track = document.createElement("div"), text = document.createElement("p");
      ends.forEach((end, side) => {
        const [from, to] = [place(end), place(value)].sort((p, q) => p - q), part = document.createElement("span");
        part.className = side ? "upper" : "lower";
        part.style.left = `${from}%`;
        part.style.width = `${to - from}%`;
        track.append(part);
      });
      const words = ends.map((end, side) => [end, `${side ? "high" : "low"}: ${times(end)}`]);
      for (const [, shown] of words.sort((p, q) => p[0] - q[0])) {
        text.append(document.createElement("span"));
        text.lastChild.textContent = shown;
      }
      bar.append(track, text);
      row.append(cell(label, "prose"), bar, cell(`${Math.round(100 * share)} %`, "num"));
      return row;
    }));
  }

  // What differs from the page as it was written.
  state() {
    const found = Object.entries(this.set).map(([key, value]) => [`${this.anchor}.${key}`, String(value)]);
    if (String(this.pair) !== String(this.first)) found.unshift([`${this.anchor}:pair`, this.pair.join(" / ")]);
    return found;
  }

  read(entries) {
    const pair = entries.get(`${this.anchor}:pair`)?.split(" / ") ?? this.first, set = {};
    for (const key of Object.keys(this.rows)) {
      const value = Number(entries.get(`${this.anchor}.${key}`));
      if (value > 0 && Number.isFinite(value)) set[key] = within(value, this.inputs[key]);
    }
    const valid = pair.length === 2 && pair[0] !== pair[1] && this.pairs.some((one) => pair.includes(one.a) && pair.includes(one.b));
    this.restore({ pair: valid ? pair : this.first, set });
    return Object.keys(set).length > 0 || valid && pair !== this.first;
  }
}

const all = [...document.querySelectorAll(".assumptions")].map((root) => new Assumptions(root));

// What was set is in the address, after #~, so that a link shows it to others.
function shareState() {
  const state = new URLSearchParams(all.flatMap((one) => one.state())).toString();
  history.replaceState(null, "", state ? `#~${state}` : location.href.split("#")[0]);
}
const readState = () => {
  if (location.hash && !location.hash.startsWith("#~")) return;
  const entries = new URLSearchParams(location.hash.slice(2));
  all.filter((one) => one.read(entries))[0]?.root.scrollIntoView();
};
addEventListener("hashchange", readState);
all.forEach((one) => one.show());
readState();
globalThis.pbits = { si, number, times, amount, chance };
})();

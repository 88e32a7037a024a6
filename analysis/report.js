"use strict";

// Figures are JSON in the page; colours in it are names of CSS variables, so that one page serves both themes.
const figures = JSON.parse(document.getElementById("figures").textContent);
const NARROW = 560;
const LINE = 19; // pixels from one name to the next

function rgbOf(name) {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

// "--name", "--name/opacity" or "--from~--to~share".
function colourOf(text) {
  const match = /^(--[\w-]+)(?:\/([\d.]+)|~(--[\w-]+)~([\d.]+))?$/.exec(text);
  if (!match) return text;
  const [, name, opacity, other, share] = match;
  let rgb = rgbOf(name);
  if (other) rgb = rgbOf(other).map((to, at) => Math.round(rgb[at] + share * (to - rgb[at])));
  return opacity === undefined ? `rgb(${rgb})` : `rgba(${rgb},${opacity})`;
}

function themed(value) {
  if (typeof value === "string") return colourOf(value);
  if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map(themed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, themed(item)]));
}

function axis(own) {
  const base = {
    automargin: true, gridcolor: "--rule", linecolor: "--faint", zeroline: false, ticks: "", tickfont: { color: "--soft" },
    hoverformat: ".3~s", minor: { showgrid: false },
  };
  const title = { standoff: 14, font: { size: 13, color: "--soft" }, ...own.title };
  const log = own.type === "log" && !own.tickvals ? { dtick: 1, exponentformat: "SI" } : { exponentformat: "SI" };
  return { ...base, ...log, ...own, title };
}

// What the buttons of a figure have chosen: id -> { name of control: option }.
const chosen = Object.fromEntries(Object.entries(figures).map(([id, figure]) => (
  [id, Object.fromEntries(figure.controls.map((control) => [control.name, control.options[0]]))])));

function counts(item, state) {
  return Object.entries(item.when || {}).every(([name, option]) => state[name] === option);
}

// Labels of lines, moved apart as little as needed where they would overlap: neighbours that would share a place
// become a block, which lies around the mean of what its labels stand for; none leaves the figure.
function apart(labels, range, height) {
  const scale = height / (range[1] - range[0]);
  const at = (label) => (label.y - range[0]) * scale;
  const order = [...labels].sort((a, b) => at(a) - at(b));
  const blocks = [];
  order.forEach((label, index) => {
    blocks.push({ sum: at(label) - index * LINE, count: 1 });
    const mean = (block) => block.sum / block.count;
    while (blocks.length > 1 && mean(blocks.at(-1)) < mean(blocks.at(-2))) {
      const { sum, count } = blocks.pop();
      blocks.at(-1).sum += sum;
      blocks.at(-1).count += count;
    }
  });
  const start = blocks.flatMap(({ sum, count }) => Array(count).fill(sum / count));
  const highest = height - LINE * (order.length - 1);
  const place = (index) => Math.max(0, Math.min(start[index], highest)) + index * LINE;
  return order.map((label, index) => ({ ...label, yshift: place(index) - at(label) }));
}

function specification(id, width) {
  const { data, layout, rules } = figures[id];
  const state = chosen[id];
  const narrow = width < NARROW;
  const font = { family: getComputedStyle(document.body).fontFamily, size: narrow ? 12 : 13, color: "--ink" };
  const { names, minwidth, highlight, ...own } = layout;
  const full = {
    ...own, font, height: layout.height || (narrow ? 340 : 440),
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: narrow ? false : "zoom",
    hoverlabel: { bgcolor: "--panel", bordercolor: "--rule", font: { ...font, size: 13 }, align: "left" },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", xanchor: "left", traceorder: "normal" },
  };
  for (const rule of rules) if (counts(rule, state)) Object.assign(full, rule.set);
  const shown = data.filter((trace) => counts(trace, state)).map(({ when, ...trace }) => trace);
  let labels = (layout.annotations || []).filter((label) => counts(label, state)).map(({ when, ...label }) => label);
  const lines = !names && labels.length > 0;
  if (lines && narrow) labels = [];
  const named = shown.filter((trace) => trace.showlegend !== false);
  full.showlegend = layout.showlegend || !names && !labels.length && named.length > 1;
  const longest = Math.max(0, ...named.map((trace) => trace.name.length));
  const columns = Math.max(1, Math.floor((width - 30) / (7.4 * longest + 48)));
  const legend = full.showlegend ? 14 + LINE * Math.ceil(named.length / columns) : 0;
  const aside = lines && labels.length ? 20 + 7.4 * Math.max(...labels.map((label) => label.text.length)) : 12;
  full.margin = { l: 20, r: aside, t: Math.max(12, legend), b: 20 };
  if (lines && labels.length) full.height = Math.max(full.height, LINE * labels.length + 90);
  full.height += Math.max(0, legend - 34);
  if (names === "beside") {
    const side = Math.max(...labels.map((label) => label.text.replace(/<[^>]*>/g, "").length)) * (narrow ? 6.4 : 7) + 8;
    full.margin = { l: side, r: side, t: 30, b: 5 };
  }
  if (names === "kept") full.margin = { l: 110, r: 30, t: 12, b: 20 };
  if (lines && labels.length) labels = apart(labels, full.yaxis.range, full.height - full.margin.t - 62);
  full.annotations = labels;
  full.xaxis = axis(full.xaxis);
  full.yaxis = axis(full.yaxis);
  return [themed(shown), themed(full)];
}

function draw(id) {
  const place = document.querySelector(`[data-figure="${id}"]`);
  const { minwidth, highlight } = figures[id].layout;
  if (minwidth) place.style.minWidth = `${minwidth}px`;
  const [data, layout] = specification(id, place.clientWidth);
  const drawn = Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
  if (highlight && !place.dataset.highlights) {
    place.dataset.highlights = "yes";
    place.on("plotly_hover", (event) => mark(place, event.points[0].curveNumber));
    place.on("plotly_unhover", () => mark(place, -1));
  }
  return drawn;
}

// Of many lines, all but the one that is pointed at step back.
function mark(place, number) {
  place.querySelectorAll(".scatterlayer .trace").forEach((line, index) => {
    line.classList.toggle("aside", number >= 0 && index !== number);
  });
}

function addControls(id) {
  const place = document.querySelector(`[data-figure="${id}"]`);
  const groups = figures[id].controls;
  if (!groups.length) return;
  const bar = document.createElement("div");
  bar.className = "controls";
  for (const group of groups) {
    const set = bar.appendChild(document.createElement("fieldset"));
    set.appendChild(document.createElement("legend")).textContent = group.label;
    group.options.forEach((option, index) => {
      const button = set.appendChild(document.createElement("button"));
      button.type = "button";
      button.textContent = option;
      button.setAttribute("aria-pressed", index === 0);
      button.addEventListener("click", () => {
        for (const other of set.querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
        chosen[id][group.name] = option;
        draw(id);
      });
    });
  }
  place.before(bar);
}

function sortable(table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const order = (a, b) => {
        const [x, y] = [key(a), key(b)];
        return isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
      };
      const rows = [...body.rows].sort((a, b) => (ascending ? order(a, b) : order(b, a)));
      body.append(...rows);
    });
  });
}

function drawAll() {
  return Promise.all(Object.keys(figures).map(draw));
}

document.querySelectorAll("table.sortable").forEach(sortable);
Object.keys(figures).forEach(addControls);
drawAll().then(() => { document.body.dataset.drawn = "yes"; });
for (const query of ["(prefers-color-scheme: dark)", "print", `(max-width: ${NARROW + 40}px)`]) {
  matchMedia(query).addEventListener("change", drawAll);
}

"use strict";

// Figures are JSON in the page; colours in it are names of CSS variables, so that one page serves both themes.
const figures = JSON.parse(document.getElementById("figures").textContent);
const NARROW = 560;

function colourOf(text) {
  const match = /^(--[\w-]+)(?:\/([\d.]+))?$/.exec(text);
  if (!match) return text;
  const hex = getComputedStyle(document.documentElement).getPropertyValue(match[1]).trim();
  if (match[2] === undefined) return hex;
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${match[2]})`;
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

// What the buttons of a figure have chosen so far: { view, and changes of the layout by dotted path }.
const chosen = new Map();

function specification(id, width) {
  const { data, layout } = figures[id];
  const narrow = width < NARROW;
  const font = { family: getComputedStyle(document.body).fontFamily, size: narrow ? 12 : 13, color: "--ink" };
  const full = {
    ...layout, xaxis: { ...layout.xaxis }, yaxis: { ...layout.yaxis },
    font, height: layout.height || (narrow ? 340 : 440),
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: narrow ? false : "zoom",
    hoverlabel: { bgcolor: "--panel", bordercolor: "--rule", font: { ...font, size: 13 }, align: "left" },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", xanchor: "left", traceorder: "normal" },
  };
  const state = chosen.get(id) || {};
  for (const [path, value] of Object.entries(state)) {
    const [first, second] = path.split(".");
    if (second) full[first][second] = value;
    else if (path !== "view") full[first] = value;
  }
  const labels = full.annotations || [];
  if (narrow && labels.length) full.annotations = [];
  full.showlegend = layout.showlegend || !labels.length && data.length > 1 || narrow && labels.length > 1;
  const longest = Math.max(0, ...(narrow ? [] : labels).map((label) => label.text.length));
  full.margin = { l: 20, r: longest ? 20 + 7.4 * longest : 12, t: full.showlegend ? 34 : 12, b: 20 };
  full.xaxis = axis(full.xaxis);
  full.yaxis = axis(full.yaxis);
  const view = state.view;
  const shown = view ? data.map((trace) => ({ ...trace, visible: trace.meta.view === view })) : data;
  return [themed(shown), themed(full)];
}

function draw(id) {
  const place = document.querySelector(`[data-figure="${id}"]`);
  const [data, layout] = specification(id, place.clientWidth);
  return Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
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
      button.textContent = option.label;
      button.setAttribute("aria-pressed", index === 0);
      button.addEventListener("click", () => {
        for (const other of set.querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
        chosen.set(id, { ...chosen.get(id), ...option.change });
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

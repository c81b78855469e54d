/* The pages are whole without this. With it they stay up to date, the table answers as one types,
   charts tell their values, and commands can be copied. */
"use strict";

(() => {
  const CHART_PIXELS = 200;
  const TYPED_MS = 200;
  const FETCH_MS = 8000;

  /* ── one document into another, without disturbing what did not change ─────────────────── */

  const isKept = (node) => node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-keep");
  const isAlike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName
    && (a.nodeType !== Node.ELEMENT_NODE || (a.id === b.id && isKept(a) === isKept(b)));

  const morphAttributes = (now, next) => {
    for (const { name } of [...now.attributes]) {
      // What a reader has unfolded stays unfolded.
      if (!next.hasAttribute(name) && name !== "open") now.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (now.getAttribute(name) !== value) now.setAttribute(name, value);
    }
  };

  const morph = (now, next) => {
    if (now.nodeType !== Node.ELEMENT_NODE) {
      if (now.data !== next.data) now.data = next.data;
      return;
    }
    if (isKept(now)) {
      if (next.dataset.chart && now.dataset.chart !== next.dataset.chart) {
        now.dataset.chart = next.dataset.chart;
        draw(now);
      }
      return;
    }
    morphAttributes(now, next);
    const wanted = [...next.childNodes];
    const had = [...now.childNodes].filter((node) => !node.dataset || !node.dataset.ours);
    wanted.forEach((child, at) => {
      if (at >= had.length) now.append(child.cloneNode(true));
      else if (isAlike(had[at], child)) morph(had[at], child);
      else had[at].replaceWith(child.cloneNode(true));
    });
    had.slice(wanted.length).forEach((node) => node.remove());
  };

  /* ── what is on the server now ─────────────────────────────────────────────────────────── */

  const fetched = async (address) => {
    const answer = await fetch(address, {
      headers: { Accept: "text/html" },
      signal: AbortSignal.timeout(FETCH_MS),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  const take = (page, selector) => {
    const parts = [...document.querySelectorAll(selector)];
    const next = [...page.querySelectorAll(selector)];
    if (parts.length === next.length) parts.forEach((part, at) => morph(part, next[at]));
    dress(document);
  };

  const told = (isLive) => {
    document.body.classList.toggle("live", isLive);
    document.body.classList.toggle("lost", !isLive);
  };

  let turn = 0;
  const show = async (address, selector) => {
    const mine = ++turn;
    try {
      const page = await fetched(address);
      // An answer that comes after a newer question is of no use.
      if (mine === turn) take(page, selector);
      told(true);
    } catch {
      told(false);
    }
  };

  const refresh = () => {
    if (!document.hidden) show(location.href, "[data-live]");
  };

  /* ── the table ─────────────────────────────────────────────────────────────────────────── */

  const swap = (address) => {
    history.replaceState(null, "", address);
    show(address, "[data-swap]");
  };

  /* What is looked for is as the form has it now; order and page are as `search` has them. */
  const asked = (form, search) => {
    const query = new URLSearchParams(search);
    const said = new FormData(form);
    for (const name of ["q", "state", "problems"]) {
      if (said.get(name)) query.set(name, said.get(name));
      else query.delete(name);
    }
    return `?${query}#hosts`;
  };
  const anew = (form) => {
    const query = new URLSearchParams(location.search);
    query.delete("page");
    swap(asked(form, query));
  };

  let typing = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form.search");
    if (!form) return;
    clearTimeout(typing);
    typing = setTimeout(() => anew(form), TYPED_MS);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.search")) return;
    event.preventDefault();
    clearTimeout(typing);
    anew(event.target);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-swaps]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    clearTimeout(typing);
    swap(asked(document.querySelector("form.search"), link.search));
  });

  /* ── charts ────────────────────────────────────────────────────────────────────────────── */

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /* The same colours and patterns as in the drawing that this takes the place of. */
  const filling = (context, level) => {
    if (level < 3) return colour(`--c${level}`);
    const tile = document.createElement("canvas");
    const size = [6, 5, 4][level - 3] * devicePixelRatio;
    tile.width = tile.height = size;
    const brush = tile.getContext("2d");
    brush.fillStyle = colour(`--c${level}`);
    brush.fillRect(0, 0, size, size);
    brush.strokeStyle = brush.fillStyle = colour(`--c${level}i`);
    brush.lineWidth = 1.3 * devicePixelRatio;
    brush.beginPath();
    if (level === 3) {
      for (const at of [-size, 0, size]) { brush.moveTo(at - 1, size + 1); brush.lineTo(at + size + 1, -1); }
      brush.stroke();
    } else if (level === 4) {
      brush.arc(size / 2, size / 2, size / 4.5, 0, 7);
      brush.fill();
    } else {
      brush.moveTo(0, size / 2); brush.lineTo(size, size / 2);
      brush.stroke();
    }
    return context.createPattern(tile, "repeat");
  };

  const figures = (value) => value == null ? "unknown"
    : value.toLocaleString("en", { maximumSignificantDigits: 3 });
  const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 16);

  /* Each band on top of those before it; the last step is drawn to its end. */
  const stacked = (data) => {
    const ended = (values) => [...values, values.at(-1)];
    const sums = data.at.map(() => 0);
    const tops = data.bands.map((band) => ended(band.values.map((value, at) => {
      if (value == null) return null;
      sums[at] += value;
      return sums[at];
    })));
    return [[...data.at, data.at.at(-1) + data.length], ...tops];
  };

  const describe = (data, at) => {
    const known = data.bands.filter((band) => band.values[at] != null);
    const when = `${clock(data.at[at])} UTC  `;
    if (!known.length) return [when, "unknown"];
    const sum = known.reduce((whole, band) => whole + band.values[at], 0);
    const parts = known.filter((band) => band.values[at])
      .map((band) => `${band.name} ${figures(band.values[at])}`);
    const split = parts.length > 1 ? `  (${parts.join(", ")})` : `  ${parts.join("").split(" ").slice(0, -1).join(" ")}`;
    return [when, `${figures(sum)} ${data.unit}`, split];
  };

  /* Where the server puts its lines and hours. */
  const lines = (data) => Array.from(
    { length: Math.round(data.top / data.line) + 1 }, (_, at) => at * data.line);
  const hours = (data, apart) => {
    const every = apart * 3600;
    const [first, last] = [data.at[0], data.at.at(-1) + data.length];
    const found = [];
    for (let at = Math.ceil(first / every) * every; at <= last; at += every) {
      const ratio = (at - first) / (last - first);
      if (ratio > 0.03 && ratio < 0.97) found.push(at);
    }
    return found;
  };

  const plots = new Map();

  const drawable = (box) => {
    const data = JSON.parse(box.dataset.chart || "null");
    return data && data.at.length > 1 && data.bands.length ? data : null;
  };

  const options = (box, data, readout) => {
    const stepped = uPlot.paths.stepped({ align: 1 });
    const axis = {
      stroke: () => colour("--soft"), font: "11px Inter, system-ui, sans-serif",
      grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false },
    };
    const series = data.bands.map((band) => ({
      paths: stepped, points: { show: false }, width: 0, spanGaps: false,
      fill: (plot) => filling(plot.ctx, band.level),
    }));
    return {
      width: box.clientWidth, height: CHART_PIXELS, padding: [12, 0, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { range: () => [data.at[0], data.at.at(-1) + data.length] },
        y: { range: () => [0, data.top] },
      },
      axes: [
        { ...axis, size: 24, gap: 4, grid: { show: false }, splits: (plot) => hours(data, plot.width < 360 ? 8 : 4), values: (_, ticks) => ticks.map(clock) },
        { ...axis, size: 44, gap: 6, splits: () => lines(data), values: (_, ticks) => ticks.map(figures) },
      ],
      series: [{}, ...series],
      bands: data.bands.slice(1).map((_, at) => ({ series: [at + 2, at + 1] })),
      hooks: {
        setCursor: [(plot) => {
          const at = plot.cursor.idx;
          readout.replaceChildren();
          if (at == null || at >= data.at.length) return;
          const [when, sum, split = ""] = describe(data, at);
          const strong = document.createElement("b");
          strong.textContent = sum;
          readout.append(when, strong, split);
        }],
      },
    };
  };

  /* Takes the place of the drawing from the server, in the same room. */
  const draw = (box) => {
    const data = drawable(box);
    if (!data || typeof uPlot === "undefined") return;
    plots.get(box)?.destroy();
    const readout = document.createElement("p");
    readout.className = "readout";
    const label = box.querySelector("[aria-label]")?.getAttribute("aria-label") || box.dataset.label;
    box.dataset.label = label;
    const holder = document.createElement("div");
    holder.setAttribute("role", "img");
    holder.setAttribute("aria-label", label);
    box.replaceChildren(holder, readout);
    plots.set(box, new uPlot(options(box, data, readout), stacked(data), holder));
  };

  const drawAll = () => document.querySelectorAll(".chart").forEach(draw);
  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      plots.get(target)?.setSize({ width: target.clientWidth, height: CHART_PIXELS });
    }
  });

  /* ── commands ──────────────────────────────────────────────────────────────────────────── */

  const dress = (root) => {
    if (!navigator.clipboard) return;
    for (const code of root.querySelectorAll("code.copy")) {
      if (code.nextElementSibling?.dataset.ours) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copybutton";
      button.dataset.ours = "1";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      });
      code.after(button);
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    drawAll();
    dress(document);
    document.querySelectorAll(".chart").forEach((box) => sized.observe(box));
    const seconds = Number(document.body.dataset.refreshSeconds);
    if (seconds) {
      document.body.classList.add("live");
      setInterval(refresh, seconds * 1000);
      document.addEventListener("visibilitychange", refresh);
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  });
})();

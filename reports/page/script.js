"use strict";
(() => {
  const store = JSON.parse(document.getElementById("candidates-data").textContent);
  const rows = store.rows.map((cells, index) =>
    Object.fromEntries([["index", index], ...store.columns.map((name, place) => [name, cells[place]])]));
  const byId = (id) => document.getElementById(id);
  const missing = (value) => value === null || value === undefined || value === "";

  const significant = (value, digits = 3) => {
    if (value === 0) return "0";
    const decimals = Math.max(digits - 1 - Math.floor(Math.log10(Math.abs(value))), 0);
    return value.toLocaleString("en-GB", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  };
  const counted = (value) => {
    for (const [limit, divisor, unit] of [[1e12, 1e12, "T"], [1e9, 1e9, "G"], [1e6, 1e6, "M"], [1e4, 1e3, "k"]])
      if (value >= limit) return `${significant(value / divisor)} ${unit}`;
    return value.toLocaleString("en-GB");
  };
  const percent = (value) => `${(100 * value).toFixed(1)}%`;
  const between = (row, low, high, write, unit) =>
    missing(row[low]) || missing(row[high]) ? "" : `${write(row[low])} to ${write(row[high])}${unit}`;
  const accuracyRange = (row) =>
    between(row, "accuracy_low", "accuracy_high", (value) => (100 * value).toFixed(1), "%");
  const latencyRange = (row) =>
    between(row, "latency_low_ms", "latency_high_ms", (value) => significant(value), " ms");
  const latency = (row) => missing(row.latency_ms) ? "-" : `${significant(row.latency_ms)} ms`;
  const accuracy = (row) => missing(row.accuracy) ? "-" : percent(row.accuracy);
  const verdictTone = { meets: "good", fails: "bad", undecided: "unsure" };

  const element = (tag, text, css) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (css) made.className = css;
    return made;
  };
  const isolated = (text) => element("bdi", text);
  const ranged = (cell, text) => { if (text) cell.append(element("span", text, "range")); };

  const writers = {
    candidate: (cell, row) => {
      cell.append(isolated(row.candidate));
      if (filters.run.options.length > 2) {
        const run = element("span", undefined, "range");
        run.append(isolated(row.run.length > 40 ? `${row.run.slice(0, 39)}…` : row.run));
        cell.append(run);
      }
    },
    architecture: (cell, row) => { cell.className = "long mono"; cell.append(isolated(row.architecture ?? "")); },
    accuracy: (cell, row) => {
      cell.className = "n"; cell.append(accuracy(row));
      ranged(cell, accuracyRange(row));
    },
    latency_ms: (cell, row) => {
      cell.className = "n"; cell.append(latency(row));
      ranged(cell, latencyRange(row));
    },
    latency_p95_ms: (cell, row) => {
      cell.className = "n"; cell.append(missing(row.latency_p95_ms) ? "-" : `${significant(row.latency_p95_ms)} ms`);
    },
    parameters: (cell, row) => { cell.className = "n"; cell.append(missing(row.parameters) ? "-" : counted(row.parameters)); },
    macs: (cell, row) => { cell.className = "n"; cell.append(missing(row.macs) ? "-" : counted(row.macs)); },
    verdict: (cell, row) => {
      if (!missing(row.verdict)) cell.append(element("span", row.verdict, `badge ${verdictTone[row.verdict] ?? "plain"}`));
    },
    state: (cell, row) => {
      cell.append(row.state ?? ""); ranged(cell, row.cause);
    },
  };

  const table = byId("candidates-table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.querySelectorAll("th[data-column]")];
  const filters = { text: byId("filter-text"), run: byId("filter-run"), state: byId("filter-state"), front: byId("filter-front") };
  const PAGE = 25;
  let sorting = { column: null, direction: 1 };
  let shown = PAGE;
  let matching = rows;

  const matches = (row) =>
    (!filters.run.value || row.run === filters.run.value) &&
    (!filters.state.value || row.state === filters.state.value || row.verdict === filters.state.value) &&
    (!filters.front.checked || row.is_front || row.kind === "winner") &&
    filters.text.value.toLowerCase().split(/\s+/).every((word) =>
      `${row.run} ${row.candidate} ${row.architecture} ${row.state} ${row.cause} ${row.device}`.toLowerCase().includes(word));

  const ordered = (list) => {
    const { column, direction } = sorting;
    if (!column) return list;
    return [...list].sort((one, other) => {
      const [left, right] = [one[column], other[column]];
      if (missing(left) || missing(right)) return missing(left) - missing(right);
      const sign = typeof left === "number" ? left - right : String(left).localeCompare(String(right), "en", { numeric: true });
      return direction * sign;
    });
  };

  const rowElement = (row) => {
    const line = element("tr");
    line.dataset.index = row.index;
    for (const head of heads) {
      const cell = element(head.dataset.column === "candidate" ? "th" : "td");
      if (cell.tagName === "TH") cell.scope = "row";
      writers[head.dataset.column](cell, row);
      line.append(cell);
    }
    return line;
  };

  const render = () => {
    body.replaceChildren(...matching.slice(0, shown).map(rowElement));
    byId("more").hidden = matching.length <= shown;
    byId("table-count").textContent =
      `${Math.min(shown, matching.length).toLocaleString("en-GB")} of ${matching.length.toLocaleString("en-GB")} shown`;
  };

  const points = [...document.querySelectorAll(".plot [data-row]")];
  const update = () => {
    matching = ordered(rows.filter(matches));
    const visible = new Set(matching.map((row) => row.index));
    const isAll = visible.size === rows.length;
    for (const point of points) point.classList.toggle("dim", !isAll && !visible.has(Number(point.dataset.row)));
    shown = PAGE;
    render();
  };
  for (const filter of Object.values(filters)) filter.addEventListener("input", update);
  byId("more").addEventListener("click", () => { shown += 8 * PAGE; render(); });
  for (const head of heads) head.querySelector("button").addEventListener("click", () => {
    const column = head.dataset.column;
    const first = column === "accuracy" ? -1 : 1;
    sorting = { column, direction: sorting.column === column ? -sorting.direction : first };
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sorting.direction > 0 ? "ascending" : "descending");
    update();
  });
  table.closest(".card").querySelector(".controls").hidden = false;
  render();

  const describe = (tip, row) => {
    tip.replaceChildren();
    const title = element("b");
    title.append(isolated(row.run), ", ", isolated(row.candidate));
    tip.append(title);
    const bracketed = (text) => text && ` (${text})`;
    tip.append(`${accuracy(row)} ${row.split} accuracy${bracketed(accuracyRange(row))}`, element("br"));
    tip.append(`${latency(row)}${bracketed(latencyRange(row))}, ${counted(row.parameters ?? 0)} parameters`);
    const architecture = element("span", undefined, "mono");
    architecture.append(isolated((row.architecture ?? "").slice(0, 400)));
    tip.append(architecture);
  };

  // A window onto the drawing: its view box shrinks, while points, letters and strokes keep their size.
  const zoomable = (plot, moved) => {
    const bar = plot.nextElementSibling;
    const figures = [...plot.querySelectorAll(".figure")].map((svg) =>
      ({ svg, width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height }));
    const view = { zoom: 1, x: 0.5, y: 0.5 };  // the centre, in fractions of the drawing
    const clamp = (value) => Math.min(Math.max(value, 0.5 / view.zoom), 1 - 0.5 / view.zoom);
    const say = () => {
      const frame = plot.getBoundingClientRect();
      const inside = [...plot.querySelectorAll("[data-row]:not(.dim)")].filter((point) => isWithin(point, frame))
        .map((point) => rows[Number(point.dataset.row)]).filter((row) => !missing(row.latency_ms) && !missing(row.accuracy));
      const span = (name, write) => {
        const values = inside.map((row) => row[name]);
        return `${write(Math.min(...values))} to ${write(Math.max(...values))}`;
      };
      bar.querySelector("[role=status]").textContent = view.zoom === 1 ? "" :
        `${view.zoom} x: ${inside.length.toLocaleString("en-GB")} candidates` + (inside.length ?
          `, ${span("latency_ms", (value) => significant(value))} ms, ${span("accuracy", percent)}` : "");
    };
    const show = () => {
      [view.x, view.y] = [clamp(view.x), clamp(view.y)];
      plot.classList.toggle("zoomed", view.zoom > 1);
      plot.style.setProperty("--shrink", 1 / view.zoom);
      for (const { svg, width, height } of figures) {
        const [w, h] = [width / view.zoom, height / view.zoom];
        svg.setAttribute("viewBox", `${view.x * width - w / 2} ${view.y * height - h / 2} ${w} ${h}`);
      }
      moved();
      say();
    };
    const place = (x, y) => {
      const frame = plot.getBoundingClientRect();
      return { x: view.x + ((x - frame.x) / frame.width - 0.5) / view.zoom, y: view.y + ((y - frame.y) / frame.height - 0.5) / view.zoom };
    };
    const zoomBy = (factor) => {
      view.zoom = factor === 0 ? 1 : Math.min(Math.max(view.zoom * factor, 1), 32);
      show();
    };
    bar.hidden = false;
    for (const button of bar.querySelectorAll("button"))
      button.addEventListener("click", () => zoomBy(Number(button.dataset.zoom)));
    let held = null, isDragged = false;
    plot.addEventListener("pointerdown", (event) => {
      isDragged = false;
      if (view.zoom > 1 && event.pointerType === "mouse") held = event;
    });
    plot.addEventListener("pointermove", (event) => {
      if (!held || !(event.buttons & 1)) { held = null; return; }
      const [from, to] = [place(held.clientX, held.clientY), place(event.clientX, event.clientY)];
      [view.x, view.y, held, isDragged] = [view.x + from.x - to.x, view.y + from.y - to.y, event, true];
      show();
    });
    // The end of a drag is no click on the point below it.
    plot.addEventListener("click", (event) => { if (isDragged) event.stopImmediatePropagation(); isDragged = false; });
    return {
      by: zoomBy,
      centreOn: (point) => {
        if (view.zoom === 1 || isWithin(point, plot.getBoundingClientRect())) return;
        const at = centre(point);
        Object.assign(view, place(at.x, at.y));
        show();
      },
    };
  };
  const centre = (point) => {
    const box = point.getBoundingClientRect();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  };
  const isWithin = (point, frame) => {
    if (!point.getClientRects().length) return false;
    const at = centre(point);
    return at.x >= frame.left && at.x <= frame.right && at.y >= frame.top && at.y <= frame.bottom;
  };

  for (const plot of document.querySelectorAll(".plot")) {
    const tip = element("div", undefined, "tip");
    tip.hidden = true;
    tip.setAttribute("role", "status");
    plot.append(tip);
    let current = null;
    const visiblePoints = () => [...plot.querySelectorAll("[data-row]:not(.dim)")].filter((point) => point.getClientRects().length);
    const choose = (point) => {
      current?.classList.remove("hit");
      current = point;
      tip.hidden = !point;
      if (!point) return;
      point.classList.add("hit");
      describe(tip, rows[Number(point.dataset.row)]);
      const [frame, at] = [plot.getBoundingClientRect(), centre(point)];
      const left = Math.min(Math.max(at.x - frame.x - tip.offsetWidth / 2, 0), frame.width - tip.offsetWidth);
      const above = at.y - frame.y - tip.offsetHeight - 14;
      tip.style.left = `${left}px`;
      tip.style.top = `${above < -30 ? at.y - frame.y + 16 : above}px`;
    };
    // Asking 2,000 points for their place on every move would make the pointer stutter: they are asked once a visit.
    let places = null;
    const placed = () => {
      const frame = plot.getBoundingClientRect();
      return visiblePoints().map((point) => {
        const at = centre(point);
        return { point, x: at.x - frame.x, y: at.y - frame.y };
      });
    };
    plot.addEventListener("pointermove", (event) => {
      places ??= placed();
      const frame = plot.getBoundingClientRect();
      let nearest = null, best = 26 ** 2;
      for (const { point, x, y } of places) {
        const away = (x + frame.x - event.clientX) ** 2 + (y + frame.y - event.clientY) ** 2;
        if (away < best) [nearest, best] = [point, away];
      }
      if (nearest !== current) choose(nearest);
    });
    const zoom = zoomable(plot, () => { places = null; choose(null); });
    plot.addEventListener("pointerleave", () => { places = null; choose(null); });
    plot.addEventListener("blur", () => choose(null));
    plot.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") choose(null);
      const factor = { "+": 2, "=": 2, "-": 0.5, 0: 0 }[event.key];
      if (factor !== undefined && !event.ctrlKey && !event.metaKey) {
        const kept = current;
        zoom.by(factor);
        if (kept) { zoom.centreOn(kept); choose(kept); }
      }
      if (!step) return;
      event.preventDefault();
      const line = visiblePoints().sort((one, other) => centre(one).x - centre(other).x);
      const following = line[(line.indexOf(current) + step + line.length) % line.length] ?? null;
      if (following) zoom.centreOn(following);
      choose(following);
    });
    plot.addEventListener("click", () => {
      if (!current) return;
      const row = rows[Number(current.dataset.row)];
      filters.text.value = row.candidate;
      filters.run.value = row.run;
      update();
      const line = body.querySelector(`tr[data-index="${row.index}"]`);
      line?.classList.add("hit");
      line?.scrollIntoView({ block: "center" });
    });
  }

  const theme = byId("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const isDark = getComputedStyle(document.documentElement).getPropertyValue("--is-dark").trim() === "1";
    document.documentElement.dataset.theme = isDark ? "light" : "dark";
  });
})();

// A bar per quarter-hour, drawn by hand as SVG.

import { kwhOfWh, time } from "./format.js";

const SPACE = "http://www.w3.org/2000/svg";
const HEIGHT = 250, LEFT = 52, BOTTOM = 24, TOP = 12;
const NICE = [50, 100, 200, 250, 500, 1000, 2000, 2500, 4000, 5000, 6000, 8000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_000_000];

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The chart of a series (start, stepS, energyWh, quality), `width` pixels wide, and a sentence that says the same. */
export function chart(series, direction, now, width) {
  const { energyWh, quality } = series;
  const start = Date.parse(series.start), step = series.stepS * 1000;
  const most = Math.max(1, ...energyWh.map((wh) => wh ?? 0));
  const top = NICE.find((value) => value >= most) ?? most;
  const wide = (width - LEFT) / Math.max(1, energyWh.length), high = HEIGHT - TOP - BOTTOM;
  const y = (wh) => TOP + high * (1 - wh / top);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", class: direction });
  for (const part of [0, 0.5, 1]) {
    const wh = top * part;
    picture.append(
      svg("line", { class: "grid", x1: LEFT, x2: width, y1: y(wh), y2: y(wh) }),
      svg("text", { x: LEFT - 8, y: y(wh) + 4, "text-anchor": "end" }, wh >= 1000 ? `${wh / 1000} kWh` : `${wh} Wh`),
    );
  }
  energyWh.forEach((wh, index) => {
    const from = start + index * step, x = LEFT + index * wide;
    const span = `${time(from)}–${time(from + step)}`;
    if (new Date(from).getMinutes() === 0 && new Date(from).getHours() % (width < 480 ? 6 : 4) === 0) {
      picture.append(svg("text", { x, y: HEIGHT - 6, "text-anchor": index ? "middle" : "start" }, time(from)));
    }
    if (wh !== null) {
      const bar = svg("rect", {
        class: `bar ${quality[index]}`, x: x + wide * 0.1, width: wide * 0.8, y: y(wh), height: Math.max(wh ? 1 : 0, TOP + high - y(wh)), rx: 1.5,
      });
      bar.append(svg("title", {}, `${span}: ${kwhOfWh(wh)} kWh, ${quality[index]}`));
      picture.append(bar);
    } else if (from + step <= now) {
      const hole = svg("rect", { class: "hole", x, width: wide, y: TOP, height: high });
      hole.append(svg("title", {}, `${span}: no reading`));
      picture.append(hole);
    }
  });
  if (now > start && now < start + energyWh.length * step) {
    const x = LEFT + ((now - start) / step) * wide;
    picture.append(svg("line", { class: "now", x1: x, x2: x, y1: TOP, y2: TOP + high }));
  }
  const total = energyWh.reduce((sum, wh) => sum + (wh ?? 0), 0);
  const missing = energyWh.filter((wh, index) => wh === null && start + (index + 1) * step <= now).length;
  const sentence =
    `${kwhOfWh(total)} kWh of ${direction}` + (missing ? `, ${missing} quarter-hour${missing > 1 ? "s" : ""} without a reading` : "");
  picture.setAttribute("aria-label", sentence);
  return { picture, sentence };
}

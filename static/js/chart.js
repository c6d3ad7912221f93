// A readout for drawings that are complete without it: the point nearest to the pointer, or the one that the arrow keys lead to.
(() => {
  "use strict";

  const NEAR_PX = 60;

  const pointsOf = (figure) => [...figure.querySelectorAll("circle.point")];
  const titleOf = (point) => point.querySelector("title").textContent;

  function middleOf(point) {
    const box = point.getBoundingClientRect();
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  }

  function show(figure, point) {
    for (const marked of figure.querySelectorAll("circle.current")) marked.classList.remove("current");
    point?.classList.add("current");
    figure.querySelector("output").textContent = point ? titleOf(point) : "";
  }

  function nearest(figure, event) {
    let best, distance = NEAR_PX;
    for (const point of pointsOf(figure)) {
      const middle = middleOf(point);
      const away = Math.hypot(middle.x - event.clientX, middle.y - event.clientY);
      if (away < distance) [best, distance] = [point, away];
    }
    return best;
  }

  // From left to right, whatever order the points were drawn in.
  function step(figure, by) {
    const points = pointsOf(figure).sort((a, b) => middleOf(a).x - middleOf(b).x);
    const now = points.findIndex((point) => point.classList.contains("current"));
    const next = now < 0 ? (by > 0 ? 0 : points.length - 1) : now + by;
    show(figure, points[Math.min(Math.max(next, 0), points.length - 1)]);
  }

  function prepare(figure) {
    if (figure.dataset.chart === "ready") return;
    figure.dataset.chart = "ready";
    figure.tabIndex = 0;
    figure.append(document.createElement("output"));
    figure.addEventListener("pointermove", (event) => show(figure, nearest(figure, event)));
    figure.addEventListener("pointerleave", () => show(figure, null));
    figure.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1, End: Infinity, Home: -Infinity }[event.key];
      if (!by) return;
      event.preventDefault();
      step(figure, by);
    });
    figure.addEventListener("blur", () => show(figure, null));
  }

  const prepareAll = () => document.querySelectorAll("figure[data-chart]").forEach(prepare);
  document.addEventListener("htmx:afterSettle", prepareAll);
  prepareAll();
})();

// @ts-check
// The time series of the Status page and of a worker's page.

import { chartPanel } from "./chart.js";
import * as format from "./format.js";
import { store } from "./store.js";

const EMPTY = [[], [], [], []];

export function rateChart() {
  return chartPanel({
    title: "Tasks per second",
    name: "rate",
    lines: [{ title: "tasks per second", colour: "series-a", filled: true }],
    columns: () => [store.history.cluster.columns[0], store.history.cluster.columns[1]],
    say: format.short,
    least: 5,
    hint: "Executions that ended, per second, in the two seconds before",
  });
}

export function loadChart() {
  return chartPanel({
    title: "Scheduler load",
    name: "load",
    lines: [{ title: "CPU", colour: "series-b", filled: true }],
    columns: () => [store.history.cluster.columns[0], store.history.cluster.columns[2]],
    say: format.percent,
    least: 10,
    hint: "CPU of the scheduler's thread; 100 % is one core",
  });
}

/** @param {() => number|undefined} id of the worker, once it is known */
export function workerCharts(id) {
  const columns = () => store.history.workers.get(id() ?? -1)?.columns ?? EMPTY;
  return [
    chartPanel({
      title: "Memory",
      name: "worker-memory",
      lines: [
        { title: "process", colour: "series-c" },
        { title: "managed", colour: "series-a", filled: true },
      ],
      columns: () => [columns()[0], columns()[3], columns()[2]],
      say: format.bytes,
      least: 2 ** 26,
      binary: true,
      hint: "Memory of the worker's process, and of the values that the worker keeps",
    }),
    chartPanel({
      title: "CPU",
      name: "worker-cpu",
      lines: [{ title: "CPU", colour: "series-b", filled: true }],
      columns: () => [columns()[0], columns()[1]],
      say: format.percent,
      least: 100,
      hint: "Of the worker's process; 100 % is one core",
    }),
  ];
}

/** What status looks like, compared with stored texts; `vitest -u` accepts a new look. */
import { beforeAll, expect, test } from "vitest";
import { renderPlain } from "../../src/status/plain.ts";
import { type JobSummary, summarizeJob } from "../../src/status/summarize.ts";
import { renderTable } from "../../src/status/table.ts";
import { stepHoldTag } from "../../src/zfs/abstraction.ts";
import { state } from "../replicate/states.ts";
import { DAY, HOUR, jobOf, NOW, snapJob, viewOf } from "./views.ts";

let summaries: JobSummary[] = [];

beforeAll(async () => {
  const at = (days: number) => NOW - days * DAY - HOUR;
  const history = (...days: number[]) => days.map((day, i) => `@z_${day},${i + 1},${at(day)}`).join(" ");
  const token = { toName: "tank/half@z_0", toGuid: "4", fromGuid: "3", bytes: 4e8, remainingBytes: 6e8, raw: false };
  const push = await viewOf({
    job: await jobOf({ snapshotting: { type: "periodic", interval: "1d", prefix: "z_" } }),
    sender: [
      state("tank/good", history(9, 2, 1, 0), { holds: new Map([["z_9", [stepHoldTag("old job")]]]) }),
      state("tank/late", history(9, 5)),
      state("tank/half", history(9, 2, 1, 0)),
      state(`tank/${"very/long/name/".repeat(6)}end`, history(9, 2, 1, 0)),
      state("tank/gone wrong", history(9, 2, 1, 0)),
    ],
    receiver: [
      state("tank/good", history(9, 2, 1, 0)),
      state("tank/late", history(9, 5)),
      state("tank/half", history(9, 2, 1), { resumeToken: "1-abc" }),
      state("tank/gone wrong", `${history(9, 2, 1)} @oops,99,${at(0)}`),
    ],
    tokens: new Map([["tank/half", token]]),
    sizes: new Map([[`tank/${"very/long/name/".repeat(6)}end@z_0`, { writtenBytes: 1, referencedBytes: 5e9 }]]),
    running: [
      {
        ...{ pid: 4711, command: "zrepl-run run push", sinceSec: NOW - 130, phase: "replicate" },
        ...{ stepsDone: 2, steps: 7, bytesDone: 1, running: [] },
      },
    ],
  });
  const sender = [state("tank/good", history(9, 2, 1, 0)), state("tank/new", "")];
  const snap = await viewOf({ job: await snapJob({ type: "manual" }), sender });
  const unseen = await viewOf({
    sender: [state("tank/a", "@a,1")],
    problems: ["the receiver was not seen: \x1b[31mno\nroute"],
  });
  summaries = [push, snap, unseen].map((view) => summarizeJob(view, NOW));
});

const paint = (_: string, text: string) => text;

test.each([60, 100, 160])("on a terminal of %s columns", async (columns) => {
  const lines = renderTable(summaries, { nowSec: NOW, quiet: false, columns, unicode: true, paint });
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`../golden/status-${columns}.txt`);
});

test("without a terminal", async () => {
  const lines = summaries.flatMap((summary) => renderPlain(summary, { nowSec: NOW, quiet: false }));
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("../golden/status-plain.txt");
});

test.each([20, 40, 79, 90, 120, 300])("no line is wider than %s columns but for one word", (columns) => {
  for (const line of renderTable(summaries, { nowSec: NOW, quiet: false, columns, unicode: true, paint }))
    expect(line.length < columns || line.trim().split(/ +/).length <= 1 ? "fits" : line).toBe("fits");
});

test("nothing that was said elsewhere can move the cursor", () => {
  const lines = [
    ...renderTable(summaries, { nowSec: NOW, quiet: false, columns: 80, unicode: true, paint }),
    ...summaries.flatMap((summary) => renderPlain(summary, { nowSec: NOW, quiet: false })),
  ];
  expect(lines.join("\n")).toContain("?[31mno?route");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(lines.join("")).not.toMatch(/[\x00-\x1f]/);
});

test("quiet leaves out what is fine", () => {
  const options = { nowSec: NOW, quiet: true, columns: 100, unicode: true, paint };
  expect(renderTable(summaries, options).join("\n")).not.toContain("tank/good ");
  expect(summaries.flatMap((summary) => renderPlain(summary, options)).join("\n")).not.toContain("tank/good:");
});

test("colour is by state, and only there", () => {
  const painted: string[] = [];
  const mark = (health: string, text: string) => {
    painted.push(`${health}: ${text.trim().slice(0, 12)}`);
    return text;
  };
  renderTable(summaries.slice(1, 2), { nowSec: NOW, quiet: false, columns: 100, unicode: true, paint: mark });
  expect(painted).toEqual(["warning: s (snap): 1 ", "warning: warning", "ok: ok"]);
});

test("letters where block characters can't be shown", () => {
  const text = renderTable(summaries, { nowSec: NOW, quiet: false, columns: 160, unicode: false, paint }).join("\n");
  expect(text).toContain("b......bbb");
  expect(text).not.toMatch(/[█▀▄]/);
});

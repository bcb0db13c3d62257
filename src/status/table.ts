/** The status on a terminal: a table where there is room, else a few short lines per filesystem. Pure. */
import type { FilesystemStatus, Health } from "../report/status-events.ts";
import type { JobSummary } from "./summarize.ts";
import {
  clean,
  detailLines,
  jobLine,
  lagText,
  newestText,
  replicatedText,
  shortLagText,
  snapshotsText,
} from "./words.ts";

export interface TableOptions {
  readonly nowSec: number;
  readonly quiet: boolean;
  /** Of the terminal. */
  readonly columns: number;
  /** Whether it can show block characters. */
  readonly unicode: boolean;
  /** The identity where there is no colour. */
  readonly paint: (health: Health, text: string) => string;
}

/** A name in a table may be longer than the one, and has at least the room of the other. */
const MAX_NAME = 60;
const MIN_NAME = 24;

export function renderTable(summaries: readonly JobSummary[], options: TableOptions): string[] {
  const lines = summaries.flatMap((summary, index) => [...(index === 0 ? [] : [""]), ...renderJob(summary, options)]);
  const pictured = summaries.some(({ filesystems }) => filesystems.length > 0);
  return pictured ? [...lines, "", ...wrap(legend(options.unicode), options.columns, "")] : lines;
}

function renderJob({ job, filesystems }: JobSummary, options: TableOptions): string[] {
  const { columns, paint, quiet } = options;
  const shown = filesystems.filter(({ health }) => !quiet || health !== "ok");
  const head = wrap(jobLine(job), columns, "  ").map((line, i) => (i === 0 ? paint(job.health, line) : line));
  const problems = job.problems.flatMap((problem) =>
    wrap(`  ${clean(problem)}`, columns, "  ").map((line) => paint("failed", line)),
  );
  const body = tableRows(shown, options) ?? shown.flatMap((status) => block(status, options));
  return [...head, ...problems, ...body];
}

/** undefined = there is no room for a table. */
function tableRows(shown: readonly FilesystemStatus[], options: TableOptions): string[] | undefined {
  if (shown.length === 0) return [];
  const { columns, nowSec, paint } = options;
  const rows = shown.map((status) => [
    status.health,
    newestText(status, nowSec),
    replicatedText(status, nowSec),
    shortLagText(status),
    snapshotsText(status),
  ]);
  const titles = ["STATE", "NEWEST", "REPLICATED", "BEHIND", "SNAPSHOTS"];
  const widths = titles.map((title, i) => {
    const widest = rows.reduce((max, row) => Math.max(max, row[i]?.length ?? 0), 0);
    return widest === 0 ? 0 : Math.max(title.length, widest);
  });
  const fixed = widths.reduce((sum, width) => sum + (width === 0 ? 0 : width + 2), 0);
  const names = shown.map(({ filesystem }) => clean(filesystem));
  const longest = names.reduce((max, name) => Math.max(max, name.length), "FILESYSTEM".length);
  const nameWidth = Math.min(longest, MAX_NAME, columns - 1 - fixed - 2 - MIN_DAYS);
  if (nameWidth < Math.min(longest, MIN_NAME)) return undefined;
  const days = Math.min(30, columns - 1 - nameWidth - fixed - 2);
  const daysTitle = days < "LAST 30 DAYS".length ? "DAYS" : `LAST ${days} DAYS`;
  const line = (name: string, cells: readonly string[], picture: string, health?: Health) =>
    [
      name.padEnd(nameWidth),
      ...cells.flatMap((cell, i) => {
        const width = widths[i] ?? 0;
        if (width === 0) return [];
        const text = cell.padEnd(width);
        return [i === 0 && health !== undefined ? paint(health, text) : text];
      }),
      picture,
    ]
      .join("  ")
      .trimEnd();
  return [
    line("FILESYSTEM", titles, daysTitle),
    ...shown.flatMap((status, i) => [
      line(shorten(names[i] ?? "", nameWidth), rows[i] ?? [], picture(status, days, options), status.health),
      ...detailLines(status).flatMap((text) => wrap(`    ${text}`, columns, "    ")),
    ]),
  ];
}

/** A picture of fewer days says nothing. */
const MIN_DAYS = 7;

function block(status: FilesystemStatus, options: TableOptions): string[] {
  const { columns, nowSec, paint } = options;
  const replicated = replicatedText(status, nowSec);
  const lag = lagText(status);
  const facts = [
    `newest ${newestText(status, nowSec)}`,
    ...(replicated === "" ? [] : [`replicated ${replicated}`]),
    ...(lag === "" ? [] : [`${lag} behind`]),
    `snapshots ${snapshotsText(status)}`,
  ].join("; ");
  const name = shorten(clean(status.filesystem), columns - status.health.length - 3);
  return [
    `${name}: ${paint(status.health, status.health)}`,
    ...wrap(`  ${facts}`, columns, "  "),
    `  ${picture(status, Math.max(1, Math.min(30, columns - 3)), options)}`,
    ...detailLines(status).flatMap((line) => wrap(`  ${line}`, columns, "  ")),
  ];
}

const GLYPHS: Readonly<Record<string, string>> = { b: "█", s: "▀", r: "▄", ".": "·" };

function picture(
  { days, sender, receiver, replicated }: FilesystemStatus,
  width: number,
  { unicode }: TableOptions,
): string {
  const shown = days.slice(-width);
  if (!unicode) return shown;
  const oneSided = receiver === undefined ? replicated?.by !== "receiver" : sender === undefined;
  return [...shown].map((letter) => GLYPHS[oneSided && letter !== "." ? "b" : letter] ?? letter).join("");
}

function legend(unicode: boolean): string {
  return unicode
    ? "Days, the last 24 hours at the right: █ snapshots on both sides (or on the only one), ▀ only on the sender, ▄ only on the receiver, · none"
    : "Days, the last 24 hours at the right: b snapshots on both sides, s only on the sender, r only on the receiver, . none";
}

/** The end of a name says more than its beginning. */
function shorten(name: string, width: number): string {
  return name.length <= width ? name : `…${name.slice(name.length - Math.max(1, width - 1))}`;
}

/** Breaks a line between words; a word that is longer than the line, e.g. a name to be copied, stays whole. */
function wrap(text: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  const start = /^ */.exec(text)?.[0] ?? "";
  let line = start;
  for (const word of text.slice(start.length).split(" ")) {
    const joined = line.trim() === "" ? line + word : `${line} ${word}`;
    if (joined.length <= columns - 1 || line.trim() === "") line = joined;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line];
}

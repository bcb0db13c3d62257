/** The page of `report --html`: one file, no script, nothing loaded from anywhere. Pure. */
import type { Job } from "../config/config.ts";
import type { GridInterval, KeepRule } from "../config/pruning-config.ts";
import { count, formatDuration } from "../report/format.ts";
import { type FilesystemStatus, HEALTHS, type JobStatus } from "../report/status-events.ts";
import { STYLE } from "./html-style.ts";
import type { JobView } from "./observe.ts";
import type { JobSummary } from "./summarize.ts";
import { groupsOf, retentionGrid, type Sides, timeline } from "./svg.ts";
import { clean, detailLines, lagText, newestText, replicatedText } from "./words.ts";

export interface PageOptions {
  readonly nowSec: number;
  /** Of the host that made it, and when, for the reader. */
  readonly host: string;
  readonly time: string;
}

export function renderPage(summaries: readonly JobSummary[], options: PageOptions): string {
  const title = `Backups of ${options.host}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>${escapeHtml(title)}</h1><p>As ZFS had it at <time>${escapeHtml(options.time)}</time>.
<span class="key"><i class="sender"></i> sender</span> <span class="key"><i class="receiver"></i> receiver</span></p></header>
<main>
${summaries.map((summary) => jobSection(summary, options)).join("\n")}
</main>
<footer>Made by zrepl-run.</footer>
</body>
</html>
`;
}

/** Everything that does not come from us goes through here. */
function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return clean(text).replaceAll(/[&<>"']/g, (char) => entities[char] ?? char);
}

function jobSection({ job, filesystems, view }: JobSummary, options: PageOptions): string {
  const problems = job.problems.map((problem) => `<p class="problem failed">${escapeHtml(problem)}</p>`).join("");
  const articles = filesystems.map((status) => filesystemArticle(status, view, options)).join("\n");
  return `<section>
<h2><span class="badge ${job.health}">${job.health}</span> ${escapeHtml(job.job)} <small>${job.type}</small></h2>
${bar(job)}<p>${escapeHtml(job.summary)}</p>${problems}
${articles}
</section>`;
}

/** How many filesystems are in which state, as a bar; the sentence below it says the same. */
function bar({ counts }: JobStatus): string {
  if (counts.total === 0) return "";
  const parts = HEALTHS.filter((health) => counts[health] > 0).map(
    (health) => `<i class="${health}" style="flex:${counts[health]}"></i>`,
  );
  return `<div class="bar" aria-hidden="true">${parts.join("")}</div>`;
}

/** Open where there is something to see to. */
function filesystemArticle(status: FilesystemStatus, view: JobView | undefined, options: PageOptions): string {
  const { filesystem, health } = status;
  const open = health === "failed" || health === "warning" ? " open" : "";
  const [problem, ...details] = detailLines(status);
  const explanation = details.length === 0 ? "" : `<pre>${details.map(escapeHtml).join("\n")}</pre>`;
  return `<details class="fs"${open}>
<summary><span class="badge ${health}">${health}</span> <b>${escapeHtml(filesystem)}</b> <span class="short">${escapeHtml(shortText(status, options.nowSec))}</span></summary>
${problem === undefined ? "" : `<p class="${status.problem === undefined ? "note" : `problem ${health}`}">${escapeHtml(problem)}</p>`}${explanation}
${pictures(status, view, options)}
${facts(status, options.nowSec)}
</details>`;
}

function shortText(status: FilesystemStatus, nowSec: number): string {
  const lag = lagText(status);
  return `newest ${newestText(status, nowSec)}${lag === "" ? "" : `; ${lag} behind`}`;
}

function pictures(status: FilesystemStatus, view: JobView | undefined, { nowSec }: PageOptions): string {
  if (view === undefined) return "";
  const snapshots = (side: "sender" | "receiver") =>
    status[side] === undefined
      ? undefined
      : view[side]?.filesystems
          .find(({ filesystem }) => filesystem === status.filesystem)
          ?.versions.filter(({ kind }) => kind === "snapshot");
  const sides: Sides = { sender: snapshots("sender"), receiver: snapshots("receiver") };
  if ((sides.sender ?? []).length + (sides.receiver ?? []).length === 0) return "";
  const numbers = (["sender", "receiver"] as const).flatMap((side) => {
    const versions = sides[side];
    return versions === undefined ? [] : [`${count(versions.length, "snapshot")} on the ${side}`];
  });
  return timeline(sides, nowSec, `Timeline: ${numbers.join(", ")}`) + retentionGrid(sides, groupsOf(gridOf(view.job)));
}

/** The grid of the side that keeps most: the receiver's of a job that has both. */
function gridOf(job: Job): readonly GridInterval[] | undefined {
  const { pruning } = job;
  if (pruning === undefined) return undefined;
  const rules: readonly KeepRule[] =
    "keep" in pruning ? pruning.keep : [...pruning.keepReceiver, ...pruning.keepSender];
  return rules.find((rule) => rule.type === "grid")?.intervals;
}

function facts(status: FilesystemStatus, nowSec: number): string {
  const { sender, receiver, replicated, nextDueSec } = status;
  const lag = lagText(status);
  const isRemembered = replicated?.by === "cursor" ? " (by the cursor)" : "";
  const rows: [string, string][] = [];
  for (const [name, side] of [
    ["sender", sender],
    ["receiver", receiver],
  ] as const) {
    if (side === undefined) continue;
    const newest = side.newest === undefined ? "" : `, newest @${side.newest.name}`;
    const oldest = side.oldest === undefined ? "" : `, oldest ${formatDuration(nowSec - side.oldest.creationSec)} old`;
    rows.push([name, `${count(side.snapshots, "snapshot")}${newest}${oldest}`]);
  }
  const replicatedAgo = replicatedText(status, nowSec);
  if (replicatedAgo !== "")
    rows.push([
      "replicated",
      replicated === undefined ? "never" : `@${replicated.name}, ${replicatedAgo}${isRemembered}`,
    ]);
  if (lag !== "") rows.push(["behind", lag]);
  if (nextDueSec !== undefined)
    rows.push(["next due", nextDueSec <= nowSec ? "now" : `in ${formatDuration(nextDueSec - nowSec)}`]);
  return `<dl>${rows.map(([term, text]) => `<dt>${term}</dt><dd>${escapeHtml(text)}</dd>`).join("")}</dl>`;
}

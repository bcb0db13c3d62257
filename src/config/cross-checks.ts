import type { RawJob } from "../generated/raw-config.ts";
import { isRecord } from "./shape.ts";
import type { Site } from "./site.ts";

/** A job of the main file or an included one; `raw` may be anything as long as nobody has checked it. */
export interface PlacedJob {
  readonly raw: unknown;
  readonly site: Site;
}

/** Reports each job whose name an earlier one has, across all files (§2.1). */
export function checkNames(jobs: readonly PlacedJob[]): void {
  const first = new Map<string, Site>();
  for (const { raw, site } of jobs) {
    const name = isRecord(raw) ? raw["name"] : undefined;
    if (typeof name !== "string" || name === "") continue;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, site.at("name"));
    else site.at("name").problem(`duplicate job name ${JSON.stringify(name)}; the other is at ${earlier.position()}`);
  }
}

/** Reports each push or pull job over `connect: {type: local}` that has not exactly one counterpart in the config. */
export function checkLocalConnections(jobs: readonly PlacedJob[]): void {
  const known = jobs.filter(({ raw }) => isRecord(raw)) as { raw: Partial<RawJob>; site: Site }[];
  for (const { raw, site } of known) {
    if (raw.type !== "push" && raw.type !== "pull") continue;
    if (raw.connect?.type !== "local" || !raw.connect.listener_name) continue;
    const wanted = raw.type === "push" ? "sink" : "source";
    const listener = raw.connect.listener_name;
    const partners = known.filter(({ raw: other }) => other.type === wanted && listenerOf(other) === listener);
    if (partners.length === 1) continue;
    site.at("connect", "listener_name").problem(partnerProblem(raw, wanted, listener, partners, known));
  }
}

function listenerOf(raw: Partial<RawJob>): string | undefined {
  if (raw.type !== "sink" && raw.type !== "source") return undefined;
  return raw.serve?.type === "local" ? raw.serve.listener_name : undefined;
}

function partnerProblem(
  raw: Partial<RawJob>,
  wanted: "sink" | "source",
  listener: string,
  partners: readonly { readonly raw: Partial<RawJob> }[],
  all: readonly { readonly raw: Partial<RawJob> }[],
): string {
  const job = `${raw.type} job ${JSON.stringify(raw.name)}`;
  const name = JSON.stringify(listener);
  if (partners.length > 1) {
    const names = partners.map(({ raw: { name } }) => JSON.stringify(name)).join(" and ");
    return `${job} needs one ${wanted} job with listener_name ${name}, but ${names} have it`;
  }
  const others = all.filter(({ raw }) => raw.type === wanted).map(({ raw }) => listenerOf(raw));
  const offered = [...new Set(others.filter((other) => other !== undefined))].map((other) => JSON.stringify(other));
  const hint = offered.length === 0 ? `there is no ${wanted} job that serves local` : `there are ${offered.join(", ")}`;
  return `${job} needs a ${wanted} job with serve type local and listener_name ${name}; ${hint}`;
}

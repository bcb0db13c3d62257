import type { Pattern } from "../../src/config/config.ts";
import type { KeepRule } from "../../src/config/pruning-config.ts";
import type { PruneSnapshot } from "../../src/prune/snapshot.ts";

const pattern = (source: string): Pattern => ({ source, test: (name) => new RegExp(source).test(name) });

export const grid = (spec: string, regex = ""): KeepRule => ({
  type: "grid",
  regex: pattern(regex),
  intervals: spec.split("|").map((part) => {
    const [length = "", keep = "1"] = part.trim().split(" ");
    return { lengthSec: Number(length), keep: keep === "all" ? keep : Number(keep) };
  }),
  text: `grid: ${spec}`,
});

export const lastN = (count: number, regex?: string): KeepRule => ({
  type: "last_n",
  count,
  ...(regex === undefined ? {} : { regex: pattern(regex) }),
  text: `last_n: ${count}`,
});

export const regex = (source: string, negate = false): KeepRule => ({
  type: "regex",
  regex: pattern(source),
  negate,
  text: `regex: ${negate ? "not " : ""}${source}`,
});

export const notReplicated = (keepSnapshotAtCursor = true): KeepRule => ({
  type: "not_replicated",
  keepSnapshotAtCursor,
  text: "not_replicated",
});

/** `"a@10 b@20r"`: name, creation in seconds, `r` = replicated; createtxg and guid count up from 1. */
export function snapshots(text: string): PruneSnapshot[] {
  const words = text.split(/\s+/).filter((word) => word !== "");
  return words.map((word, i) => {
    const [, name = "", creation, replicated] = /^([^@]+)@([+-]?\d+)(r?)$/.exec(word) ?? [];
    if (name === "") throw new Error(`bad snapshot ${word}`);
    const order = { guid: String(i + 1), createtxg: BigInt(i + 1), userrefs: 0 };
    return { name, ...order, creationSec: Number(creation), replicated: replicated === "r" };
  });
}

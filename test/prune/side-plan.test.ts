import { describe, expect, test } from "vitest";
import type { BothPruning, KeepRule } from "../../src/config/pruning-config.ts";
import type { Endpoint, FilesystemState, SideListing } from "../../src/endpoint/endpoint.ts";
import type { PrunePlan } from "../../src/prune/plan.ts";
import { planOneSide, planSide, type Side } from "../../src/prune/side-plan.ts";
import { cursorName } from "../../src/zfs/abstraction.ts";
import { versions } from "../versions.ts";
import { lastN, notReplicated, regex } from "./rules.ts";

const endpoint: Endpoint = {
  job: "j",
  list: () => Promise.reject(new Error("not here")),
  destroySnapshots: () => Promise.reject(new Error("not here")),
};

function state(filesystem: string, history: string): FilesystemState {
  const text = history.replaceAll("CURSOR", cursorName("j", /CURSOR,(\d+)/.exec(history)?.[1] ?? "0"));
  const rest = { isPlaceholder: false, encrypted: false, resumeToken: undefined, refusal: undefined };
  return { filesystem, type: "filesystem", versions: versions(text), holds: new Map(), ...rest };
}

/** `a: @1,1 @2,2 | b: …` */
function listing(text: string, problems: readonly string[] = []): SideListing {
  const parts = text.split(" | ").filter((part) => part !== "");
  const filesystems = parts.map((part) => {
    const [filesystem = "", history = ""] = part.split(": ");
    return state(filesystem, history);
  });
  return { filesystems, problems };
}

/** `a -1 -2 | b skip` */
function shown(plan: PrunePlan): string {
  return plan
    .map((entry) => {
      if (entry.outcome !== "prune") return `${entry.filesystem} ${entry.outcome}`;
      return [entry.filesystem, ...entry.destroy.map(({ name }) => `-${name}`)].join(" ");
    })
    .join(" | ");
}

function both(
  side: Side,
  sender: SideListing | undefined,
  receiver: SideListing | undefined,
  more: Partial<BothPruning> = {},
) {
  const pruning = { keepSender: [lastN(1)], keepReceiver: [lastN(1)], ...more };
  const plan = planSide(side, {
    job: "p",
    pruning,
    listings: { sender, receiver },
    senderJob: "j",
    endpoint,
    nowSec: 0,
  });
  return shown(plan.plan);
}

describe("the last base (§5, issue: kept unless a bookmark preserves it)", () => {
  test.each`
    what                                                      | side          | sender                      | receiver               | plan
    ${"a cursor preserves it on the sender, as under zrepl"}  | ${"sender"}   | ${"a: @1,1 #CURSOR,1 @2,2"} | ${"a: @1,1"}           | ${"a -1"}
    ${"any bookmark does"}                                    | ${"sender"}   | ${"a: @1,1 #x,1 @2,2"}      | ${"a: @1,1"}           | ${"a -1"}
    ${"without one, the newest common snapshot stays"}        | ${"sender"}   | ${"a: @1,1 @2,2 @3,3"}      | ${"a: @1,1 @2,2"}      | ${"a -1"}
    ${"what the receiver does not have is not protected"}     | ${"sender"}   | ${"a: @1,1 @2,2 @3,3"}      | ${"a: @9,9"}           | ${"a -1 -2"}
    ${"on the receiver it stays though newer ones are there"} | ${"receiver"} | ${"a: @1,1 @2,2"}           | ${"a: @1,1 @2,2 @9,9"} | ${"a -1"}
    ${"on the receiver, when the sender has only a bookmark"} | ${"receiver"} | ${"a: #2,2 @3,3"}           | ${"a: @1,1 @2,2 @9,9"} | ${"a -1"}
  `("$what", ({ side, sender, receiver, plan }) => {
    expect(both(side, listing(sender), listing(receiver))).toBe(plan);
  });

  test("a receiver that can't be asked: nothing goes without a cursor", () => {
    expect(both("sender", listing("a: @1,1 @2,2 | b: @1,1 #CURSOR,1 @2,2"), undefined)).toBe("a | b -1");
  });
});

describe("copies of filesystems that are gone", () => {
  const receiver = listing("a: @1,1 @2,2 | gone: @1,1 @2,2 @3,3");
  test.each`
    vanished     | sender       | problems                      | plan
    ${undefined} | ${"a: @2,2"} | ${[]}                         | ${"a -1 | gone skip"}
    ${"keep"}    | ${"a: @2,2"} | ${[]}                         | ${"a -1 | gone skip"}
    ${"prune"}   | ${"a: @2,2"} | ${[]}                         | ${"a -1 | gone -1 -2"}
    ${"prune"}   | ${""}        | ${[]}                         | ${"a skip | gone skip"}
    ${"prune"}   | ${"a: @2,2"} | ${["pool x is not imported"]} | ${"a -1 | gone skip"}
  `("vanished: $vanished, sender $sender $problems", ({ vanished, sender, problems, plan }) => {
    const more = vanished === undefined ? {} : { vanished };
    expect(both("receiver", listing(sender, problems), receiver, more)).toBe(plan);
  });

  test("their newest stays whatever the rules say", () => {
    const keepReceiver = [regex("^1$")];
    expect(both("receiver", listing("a: @2,2"), receiver, { vanished: "prune", keepReceiver })).toBe("a | gone -2");
  });
});

describe("jobs that prune one side", () => {
  const one = (type: "snap" | "sink" | "source", keep: readonly KeepRule[], text: string) =>
    shown(planOneSide({ job: "j", type, pruning: { keep }, listing: listing(text), endpoint, nowSec: 0 }).plan);

  test("a source job knows its own cursor", () => {
    expect(one("source", [notReplicated()], "a: @1,1 @2,2 #CURSOR,2 @3,3 | b: @1,1 @2,2")).toBe("a -1 | b");
  });

  test("a sink job keeps the newest of each filesystem", () => {
    expect(one("sink", [regex("^1$")], "c/a: @1,1 @2,2 @3,3")).toBe("c/a -2");
  });

  test("a snap job just applies its rules", () => {
    expect(one("snap", [lastN(1)], "a: @1,1 @2,2 @3,3 | b: ")).toBe("a -1 -2 | b");
  });
});

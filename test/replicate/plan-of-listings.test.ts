/** Planning looks at few versions where that is enough; what it plans is what it would plan knowing all of them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { FilesystemState } from "../../src/endpoint/endpoint.ts";
import { observed, stateOf } from "../../src/endpoint/observe.ts";
import { type IncrementalPath, incrementalPath } from "../../src/replicate/incremental-path.ts";
import { planReplication } from "../../src/replicate/plan.ts";
import { cursorName, lastReceivedHoldTag, stepHoldTag } from "../../src/zfs/abstraction.ts";
import { compareVersions, type FilesystemVersion } from "../../src/zfs/version.ts";
import { filesystemLine, history, parseListing, versionLine } from "../listings.ts";
import { planInput, RECEIVER_JOB, SENDER_JOB } from "./states.ts";

/** zrepl's algorithm, word for word (zrepl-behaviour.md §4.4): over all versions of both sides. */
function pathOverAll(
  receiverVersions: readonly FilesystemVersion[],
  senderVersions: readonly FilesystemVersion[],
  isChosen: (snapshot: FilesystemVersion) => boolean,
): IncrementalPath {
  const receiver = receiverVersions.filter(({ kind }) => kind === "snapshot").sort(compareVersions);
  const sender = senderVersions.toSorted(compareVersions);
  for (let r = receiver.length - 1; r >= 0; r--) {
    const received = receiver[r] as FilesystemVersion;
    const s = sender.findLastIndex(({ guid }) => guid === received.guid);
    const base = sender[s];
    if (base === undefined) continue;
    const later = sender.slice(s + 1);
    if (r !== receiver.length - 1)
      return { kind: "diverged", common: base, senderOnly: later, receiverOnly: receiver.slice(r + 1) };
    const snapshots = later.filter((version) => version.kind === "snapshot" && isChosen(version));
    return snapshots.length === 0 ? { kind: "upToDate", base, received } : { kind: "path", base, snapshots };
  }
  return sender.length === 0 ? { kind: "noSenderSnapshots" } : { kind: "noCommonAncestor", sender, receiver };
}

interface Side {
  readonly versions: readonly FilesystemVersion[];
  readonly holds: ReadonlyMap<string, readonly string[]>;
}

const tags = [[stepHoldTag(SENDER_JOB)], [lastReceivedHoldTag(RECEIVER_JOB)], ["somebody's"], []];

/** Some bookmarks are cursors of this job. */
const side: fc.Arbitrary<Side> = fc
  .tuple(history, fc.array(fc.boolean(), { minLength: 14, maxLength: 14 }), fc.constantFrom(...tags))
  .map(([versions, cursors, held]) => ({
    versions: versions.map((version, i) => {
      if (version.kind === "snapshot") return version;
      const name = cursors[i] ? cursorName(SENDER_JOB, version.guid) : version.name;
      return { ...version, name, userrefs: 0 };
    }),
    holds: new Map(versions.filter(({ userrefs }) => userrefs > 0).map(({ name }) => [name, held])),
  }))
  .filter(({ versions }) => new Set(versions.map(({ kind, name }) => kind + name)).size === versions.length);

/** The side as a listing shows it. */
function listed({ versions, holds }: Side): FilesystemState {
  const text = filesystemLine("p") + versions.map((version) => versionLine("p", version)).join("");
  const record = parseListing(text, 4096).get("p");
  if (record === undefined) throw new Error("not listed");
  return stateOf(observed(record, false, holds), "p");
}

/** The side with all versions decoded, and nothing else to ask. */
function decoded({ versions, holds }: Side): FilesystemState {
  return {
    ...{ filesystem: "p", type: "filesystem", isPlaceholder: false, encrypted: false, resumeToken: undefined },
    ...{ holds, refusal: undefined, versions: versions.toSorted(compareVersions) },
  };
}

const sides = fc.record({ sender: side, receiver: fc.option(side, { nil: undefined }), isTwin: fc.boolean() }).map(
  // half of the time the receiver has what the sender has, but for the newest
  ({ sender, receiver, isTwin }) =>
    isTwin && receiver !== undefined
      ? { sender, receiver: { ...receiver, versions: sender.versions.slice(0, receiver.versions.length) } }
      : { sender, receiver },
);

test("the path is that of the whole histories", () => {
  fc.assert(
    fc.property(sides, fc.constantFrom(/./, /[a-e]/), ({ sender, receiver }, chosen) => {
      const isChosen = ({ name }: FilesystemVersion) => chosen.test(name);
      const expected = pathOverAll(receiver?.versions ?? [], sender.versions, isChosen);
      const none = { versions: [] };
      expect(incrementalPath(receiver ? listed(receiver) : none, listed(sender), isChosen)).toEqual(expected);
      expect(incrementalPath(receiver ?? none, sender, isChosen)).toEqual(expected);
    }),
    { numRuns: 1500 },
  );
});

test("the plan is that of sides whose versions are all at hand", () => {
  const policy = fc.record({
    initialReplication: fc.constantFrom("most_recent" as const, "all" as const),
    diverged: fc.constantFrom("fail" as const, "rollback" as const, "set_aside" as const),
    bundle: fc.boolean(),
    token: fc.boolean(),
  });
  fc.assert(
    fc.property(sides, policy, ({ sender, receiver }, { bundle, token, ...resolution }) => {
      const plan = (how: (side: Side) => FilesystemState) => {
        const received = receiver && Object.assign(how(receiver), token ? { resumeToken: "dead" } : {});
        const input = planInput([how(sender)], received ? [received] : [], { ...resolution, replication: { bundle } });
        return planReplication({ ...input, tokens: new Map([["p", undefined]]) });
      };
      expect(plan(listed)).toEqual(plan(decoded));
    }),
    { numRuns: 1000 },
  );
});

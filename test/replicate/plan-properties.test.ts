import fc from "fast-check";
import { expect, test } from "vitest";
import type { FilesystemState } from "../../src/endpoint/endpoint.ts";
import { planReplication } from "../../src/replicate/plan.ts";
import { compareVersions, type FilesystemVersion } from "../../src/zfs/version.ts";
import { type Policy, planInput, state } from "./states.ts";

/** What became of the snapshots that the sender once had: some are gone or bookmarked there, some came to the receiver. */
const history = fc.record({
  snapshots: fc.array(
    fc.record({
      onSender: fc.boolean(),
      bookmarked: fc.boolean(),
      onReceiver: fc.boolean(),
      /** ZFS takes no two snapshots of a filesystem in one txg. */
      txgStep: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 10 },
  ),
  /** Snapshots of the receiver's own, after how many of the sender's. */
  own: fc.array(fc.nat(10), { maxLength: 1 }),
  policy: fc.record({
    initialReplication: fc.constantFrom("most_recent" as const, "all" as const),
    diverged: fc.constantFrom("fail" as const, "rollback" as const, "set_aside" as const),
    bundle: fc.boolean(),
    exclude: fc.constantFrom("", "[02468]$"),
  }),
});

interface Case {
  readonly sender: FilesystemState;
  readonly receiver: FilesystemState | undefined;
  readonly policy: Policy;
  readonly isChosen: (name: string) => boolean;
}

function version(kind: "snapshot" | "bookmark", name: string, guid: string, txg: number): FilesystemVersion {
  return { kind, name, guid, createtxg: BigInt(txg), creationSec: txg, userrefs: 0 };
}

const cases = history.map(({ snapshots, own, policy }): Case => {
  const sender: FilesystemVersion[] = [];
  const receiver: FilesystemVersion[] = [];
  let txg = 1;
  for (const [i, { onSender, bookmarked, onReceiver, txgStep }] of snapshots.entries()) {
    txg += txgStep;
    if (bookmarked) sender.push(version("bookmark", `b${i}`, `1000${i}`, txg));
    if (onSender) sender.push(version("snapshot", `s${i}`, `1000${i}`, txg));
    if (onReceiver) receiver.push(version("snapshot", `s${i}`, `1000${i}`, 10 * i + 500));
  }
  for (const after of own) receiver.push(version("snapshot", "own", "77", 10 * after + 505));
  const { exclude, bundle, ...resolution } = policy;
  const isChosen = (name: string) => exclude === "" || !new RegExp(exclude).test(name);
  const pattern = { source: exclude, test: (name: string) => !isChosen(name) };
  return {
    sender: state("t", "", { versions: sender.sort(compareVersions) }),
    receiver: receiver.length === 0 ? undefined : state("t", "", { versions: receiver.sort(compareVersions) }),
    policy: {
      ...resolution,
      replication: { bundle, snapshots: { include: [], exclude: exclude === "" ? [] : [pattern] } },
    },
    isChosen,
  };
});

function planOf({ sender, receiver, policy }: Case) {
  const [plan] = planReplication(planInput([sender], receiver === undefined ? [] : [receiver], policy)).filesystems;
  if (plan === undefined) throw new Error("no plan");
  return plan;
}

/** The receiver's snapshots after a plan, the oldest first; undefined = the plan changes nothing. */
function applied({ receiver }: Case, plan: ReturnType<typeof planOf>): FilesystemVersion[] | undefined {
  if (plan.outcome !== "steps" && plan.outcome !== "upToDate") return undefined;
  let snapshots = [...(receiver?.versions ?? [])];
  for (const preparation of plan.preparations) {
    if (preparation.do === "setAside") snapshots = [];
    if (preparation.do === "rollback") {
      const gone = new Set(preparation.destroys.map(({ guid }) => guid));
      snapshots = snapshots.filter(({ guid }) => !gone.has(guid));
      expect(snapshots.at(-1)?.guid).toBe(preparation.to.guid);
    }
  }
  for (const { from, via, to } of plan.outcome === "steps" ? plan.steps : []) {
    expect(from?.guid, "an increment starts from the receiver's newest").toBe(snapshots.at(-1)?.guid);
    snapshots.push(...via, to);
  }
  return snapshots;
}

const check = (body: (one: Case) => void) => fc.assert(fc.property(cases, body), { numRuns: 2000 });

test("steps chain from the receiver's newest snapshot, and never send what the receiver has", () => {
  check((one) => {
    const after = applied(one, planOf(one)) ?? [];
    const guids = after.map(({ guid }) => guid);
    expect(new Set(guids).size).toBe(guids.length);
  });
});

test("after the plan, the receiver's newest is the newest that the sender has and that is chosen", () => {
  check((one) => {
    const plan = planOf(one);
    if (plan.outcome !== "steps") return;
    const chosen = one.sender.versions.filter(({ kind, name }) => kind === "snapshot" && one.isChosen(name));
    expect(applied(one, plan)?.at(-1)?.guid).toBe(chosen.at(-1)?.guid);
  });
});

test("planning again after the plan finds nothing to send", () => {
  check((one) => {
    const after = applied(one, planOf(one));
    if (after === undefined || after.length === 0) return;
    const versions = after.map((version, i) => ({ ...version, createtxg: BigInt(1000 + i) }));
    const again = planOf({ ...one, receiver: state("t", "", { versions }) });
    expect(again.outcome).toBe("upToDate");
  });
});

test("only snapshots are sent, only chosen ones, and only such as the sender has", () => {
  check((one) => {
    const plan = planOf(one);
    for (const { from, via, to } of plan.outcome === "steps" ? plan.steps : []) {
      for (const sent of [...via, to]) {
        expect(one.sender.versions).toContain(sent);
        expect([sent.kind, one.isChosen(sent.name)]).toEqual(["snapshot", true]);
      }
      if (from !== undefined) expect(one.sender.versions).toContain(from);
    }
  });
});

test("the plan does not depend on the order of the input", () => {
  check((one) => {
    const reversed = (side: FilesystemState) => ({
      ...side,
      versions: [...side.versions].reverse().sort(compareVersions),
    });
    const other = { ...one, sender: reversed(one.sender), receiver: one.receiver && reversed(one.receiver) };
    expect(planOf(other)).toEqual(planOf(one));
  });
});

test("nothing is rolled back or set aside unless the config says so", () => {
  check((one) => {
    const plan = planOf({ ...one, policy: { ...one.policy, diverged: "fail" } });
    if (plan.outcome === "steps" || plan.outcome === "upToDate") expect(plan.preparations).toEqual([]);
  });
});

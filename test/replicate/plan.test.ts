import { describe, expect, test } from "vitest";
import { planReplication } from "../../src/replicate/plan.ts";
import { cursorName, lastReceivedHoldTag, stepHoldTag, tentativeCursorName } from "../../src/zfs/abstraction.ts";
import type { ResumeToken } from "../../src/zfs/resume-token.ts";
import { type Policy, planInput, planned, RECEIVER_JOB, SENDER_JOB, state } from "./states.ts";

const cursor = (guid: number) => `#${cursorName(SENDER_JOB, String(guid))},${guid}`;
const lastReceived = (snapshot: string) => ({ holds: new Map([[snapshot, [lastReceivedHoldTag(RECEIVER_JOB)]]]) });
const only = (pattern: RegExp) => ({ source: pattern.source, test: (name: string) => pattern.test(name) });

describe("the first replication (§4.5)", () => {
  test.each`
    policy           | sender              | plan
    ${"most_recent"} | ${"@3,1 @2,2 @1,3"} | ${["t: 1 step", "  send full @1: not on the receiver yet"]}
    ${"all"}         | ${"@3,1 @2,2 @1,3"} | ${["t: 3 steps", "  send full @3: not on the receiver yet", "  send @3 → @2: next after the newest common snapshot", "  send @2 → @1: next after the newest common snapshot"]}
    ${"fail"}        | ${"@a,1"}           | ${["t: cannot be replicated: automatic conflict resolution for initial replication is disabled in config"]}
    ${"most_recent"} | ${""}               | ${["t: nothing to do: no snapshots on the sender"]}
    ${"all"}         | ${"#a,1 #b,2"}      | ${["t: nothing to do: no snapshots on the sender"]}
    ${"most_recent"} | ${"#a,1 #b,2"}      | ${["t: nothing to do: no snapshots on the sender"]}
    ${"fail"}        | ${""}               | ${["t: nothing to do: no snapshots on the sender"]}
    ${"most_recent"} | ${"#a,1 @b,2 #b,2"} | ${["t: 1 step", "  send full @b: not on the receiver yet"]}
  `("$policy of $sender", ({ policy, sender, plan }) => {
    expect(planned([state("t", sender)], [], { initialReplication: policy })).toEqual(plan);
  });

  test("over a placeholder is a full send", () => {
    const [plan] = planReplication(
      planInput([state("t", "@a,1")], [state("t", "", { isPlaceholder: true })]),
    ).filesystems;
    expect(plan).toMatchObject({ outcome: "steps", onReceiver: true, steps: [{ from: undefined, to: { name: "a" } }] });
  });

  test("into a filesystem that is somebody's is a conflict", () => {
    expect(planned([state("t", "@a,1")], [state("t", "#x,9")])).toEqual([
      "t: conflict: the receiver has a filesystem of this name without any snapshot, so nothing can be received into it",
      "  if it holds nothing of value, on the receiver: zfs destroy sink/t",
    ]);
  });

  test("takes only chosen snapshots", () => {
    const snapshots = { include: [only(/^z/)], exclude: [only(/tmp$/)] };
    const policy = { initialReplication: "all", replication: { snapshots } } as const;
    expect(planned([state("t", "@a,1 @z1,2 @z2tmp,3 @z3,4 @b,5")], [], policy)).toEqual([
      ...["t: 2 steps", "  send full @z1: not on the receiver yet"],
      "  send @z1 → @z3: next after the newest common snapshot",
    ]);
    expect(planned([state("t", "@a,1")], [], policy)).toEqual([
      "t: nothing to do: no snapshot is chosen for replication",
    ]);
  });
});

describe("each situation (§4.13)", () => {
  test.each`
    what                                    | sender                 | receiver  | plan
    ${"nothing new"}                        | ${`@a,1 ${cursor(1)}`} | ${"@a,1"} | ${["t: up to date at @a", "  put the last-received hold on @a"]}
    ${"one new snapshot"}                   | ${"@a,1 @b,2"}         | ${"@a,1"} | ${["t: 1 step", "  send @a → @b: next after the newest common snapshot"]}
    ${"common snapshot gone on the sender"} | ${`${cursor(1)} @b,2`} | ${"@a,1"} | ${["t: 1 step", `  send #${cursorName(SENDER_JOB, "1")} → @b: newest common version is a bookmark`]}
    ${"sender without any version"}         | ${""}                  | ${"@a,1"} | ${["t: nothing to do: no snapshots on the sender"]}
    ${"bookmarks only, no common one"}      | ${"#x,7"}              | ${"@a,1"} | ${["t: nothing to do: no snapshots on the sender"]}
  `("$what", ({ sender, receiver, plan }) => {
    expect(planned([state("t", sender)], [state("t", receiver)])).toEqual(plan);
  });

  test("placeholders on the sender are left to the receiver, unless it has a real filesystem there", () => {
    const placeholder = state("t", "@a,1", { isPlaceholder: true });
    expect(planned([placeholder], [])).toEqual(["t: nothing to do: placeholder"]);
    expect(planned([placeholder], [state("t", "", { isPlaceholder: true })])).toEqual([
      "t: nothing to do: placeholder",
    ]);
    expect(planned([placeholder], [state("t", "@a,1")])).toEqual([
      "t: cannot be replicated: sender filesystem is placeholder, but receiver filesystem is not",
    ]);
  });

  test("the encryption policy refuses what would be sent, not what is up to date", () => {
    const refusal = 'encrypted send mandated by policy, but filesystem "t" is not encrypted';
    expect(planned([state("t", "@a,1 @b,2", { refusal })], [state("t", "@a,1")])).toEqual([
      `t: cannot be replicated: ${refusal}`,
    ]);
    expect(planned([state("t", "@a,1", { refusal })], [state("t", "@a,1")])[0]).toBe("t: up to date at @a");
  });

  test("the receiver's other filesystems are not looked at", () => {
    expect(planned([state("t", "@a,1")], [state("x", "@q,9"), state("t/y", "@q,8")])).toEqual([
      ...["t: 1 step", "  send full @a: not on the receiver yet"],
    ]);
  });
});

describe("guarantees are chosen for each step and side (§3.4)", () => {
  const guarantees = (sender: string, receiver: string | undefined, more = {}) => {
    const policy = { initialReplication: "all" } as const;
    const receivers = receiver === undefined ? [] : [state("t", receiver, more)];
    const [plan] = planReplication(planInput([state("t", sender)], receivers, policy)).filesystems;
    if (plan?.outcome !== "steps") throw new Error("no steps");
    return plan.steps.map((step) => [step.guarantee, step.receiverGuarantee]);
  };
  const [initial, incremental] = ["guarantee_resumability", "guarantee_incremental"];

  test("initial for a full send to nothing, incremental for the next", () => {
    expect(guarantees("@a,1 @b,2", undefined)).toEqual([
      [initial, initial],
      [incremental, incremental],
    ]);
  });

  test("a placeholder counts as existing for the receiver", () => {
    expect(guarantees("@a,1", "", { isPlaceholder: true })).toEqual([[initial, incremental]]);
  });

  test("incremental for an increment", () => {
    expect(guarantees("@a,1 @b,2", "@a,1")).toEqual([[incremental, incremental]]);
  });
});

describe("resume tokens (§4.6)", () => {
  const token = (more: Partial<ResumeToken>): ResumeToken => ({
    ...{ toGuid: "2", fromGuid: "1", toName: "t@b", bytes: 5, raw: false },
    ...more,
  });
  const interrupted = (history: string) => state("t", history, { resumeToken: "1-abc" });
  const plan = (sender: string, receiver: string, found: ResumeToken | undefined, policy: Policy = {}) =>
    planned([state("t", sender)], [interrupted(receiver)], policy, new Map([["t", found]]));

  test.each`
    what                             | sender              | receiver  | found                             | steps
    ${"an increment goes on"}        | ${"@a,1 @b,2 @c,3"} | ${"@a,1"} | ${token({})}                      | ${["resume @a → @b", "send @b → @c"]}
    ${"from a bookmark"}             | ${"#a,1 @b,2"}      | ${"@a,1"} | ${token({})}                      | ${["resume #a → @b"]}
    ${"a snapshot is preferred"}     | ${"#a,1 @a,1 @b,2"} | ${"@a,1"} | ${token({})}                      | ${["resume @a → @b"]}
    ${"a first send goes on"}        | ${"@a,1 @b,2 @c,3"} | ${""}     | ${token({ fromGuid: undefined })} | ${["resume full @b", "send @b → @c"]}
    ${"to a snapshot since renamed"} | ${"@a,1 @new,2"}    | ${"@a,1"} | ${token({})}                      | ${["resume @a → @new"]}
  `("$what", ({ sender, receiver, found, steps }) => {
    const [first, ...rest] = plan(sender, receiver, found);
    expect(first).toBe(`t: ${steps.length === 1 ? "1 step" : `${steps.length} steps`}`);
    expect(rest.map((line) => line.trim().split(":")[0])).toEqual(steps);
  });

  test.each`
    what                             | sender              | receiver       | found                                 | reason
    ${"its snapshot is gone"}        | ${"@a,1 @c,3"}      | ${"@a,1"}      | ${token({})}                          | ${/`toguid` = 2 not found on sender \(`toname` = "t@b"\)/}
    ${"it is of another filesystem"} | ${"@a,1 @b,2"}      | ${"@a,1"}      | ${token({ toName: "other@b" })}       | ${/of another filesystem/}
    ${"it is corrupt"}               | ${"@a,1 @b,2"}      | ${"@a,1"}      | ${undefined}                          | ${/resume token is corrupt/}
    ${"the receiver has moved on"}   | ${"@a,1 @b,2 @c,3"} | ${"@a,1 @c,3"} | ${token({})}                          | ${/the receiver's newest snapshot is not the one/}
    ${"it is to a bookmark only"}    | ${"@a,1 #b,2 @c,3"} | ${"@a,1"}      | ${token({})}                          | ${/`toguid` = 2 not found/}
    ${"policy forbids it"}           | ${"@a,1 @b,2"}      | ${"@a,1"}      | ${token({ refusal: "no raw sends" })} | ${/no raw sends/}
  `("a token that can't go on since $what is discarded, or reported if the config says so", (row) => {
    const { sender, receiver, found, reason } = row;
    const cleared = plan(sender, receiver, found).join("\n");
    expect(cleared).toMatch(new RegExp(`discard the interrupted receive: .*${reason.source}`));
    const reported = plan(sender, receiver, found, { replication: { onDeadToken: "fail" } });
    expect(reported).toHaveLength(1);
    expect(reported[0]).toMatch(new RegExp(`cannot be replicated: .*${reason.source}.*zfs recv -A`));
  });

  test("after a dead first receive, its filesystem does not stand in the way of a new one", () => {
    expect(plan("@c,3", "", token({ fromGuid: undefined }))).toEqual([
      "t: 1 step",
      '  discard the interrupted receive: resume token `toguid` = 2 not found on sender (`toname` = "t@b")',
      "  send full @c: not on the receiver yet",
    ]);
  });

  test("a token for a snapshot that is not chosen any more is dead", () => {
    const policy = { replication: { snapshots: { include: [], exclude: [only(/^b$/)] } } };
    expect(plan("@a,1 @b,2 @c,3", "@a,1", token({}), policy).slice(1)).toEqual([
      "  discard the interrupted receive: @b is not chosen for replication any more",
      "  send @a → @c: next after the newest common snapshot",
    ]);
  });

  test("a token whose base is gone, or whose receiver diverged, is not resumed: the conflict is what counts", () => {
    expect(plan("@b,2 @c,3", "@a,1", token({})).join("\n")).toContain("conflict: no common snapshot");
    expect(plan("@a,1 @b,2", "@a,1 @x,9", token({})).join("\n")).toContain("conflict: the receiver's latest snapshot");
  });
});

describe("divergence", () => {
  const sender = [state("t", "@a,1 @b,2")];
  const diverged = state("t", "@a,1 @x,8 @y,9");

  test("rolled back, if asked for: what is destroyed stands in the plan", () => {
    expect(planned(sender, [diverged], { diverged: "rollback" })).toEqual([
      "t: 1 step",
      "  roll the receiver back to @a, destroying @x @y",
      "  send @a → @b: next after the newest common snapshot",
    ]);
  });

  test("rolled back to where there is nothing to send", () => {
    expect(planned([state("t", "@a,1")], [diverged], { diverged: "rollback" }).slice(0, 2)).toEqual([
      "t: up to date at @a",
      "  roll the receiver back to @a, destroying @x @y",
    ]);
  });

  test.each`
    what                        | holds                                           | resolved
    ${"nobody"}                 | ${[]}                                           | ${true}
    ${"our last-received hold"} | ${[["y", [lastReceivedHoldTag(RECEIVER_JOB)]]]} | ${true}
    ${"somebody"}               | ${[["x", ["mine"]]]}                            | ${false}
    ${"another job"}            | ${[["y", [lastReceivedHoldTag("other")]]]}      | ${false}
  `("held by $what: rolled back is $resolved", ({ holds, resolved }) => {
    const plan = planned(sender, [{ ...diverged, holds: new Map(holds) }], { diverged: "rollback" });
    expect(plan.some((line) => line.includes("roll the receiver back"))).toBe(resolved);
  });

  test("without anything in common, rolling back is no way out, setting aside is", () => {
    const foreign = state("t", "@x,8");
    expect(planned(sender, [foreign], { diverged: "rollback" })[0]).toMatch(/^t: conflict: no common snapshot/);
    expect(planned(sender, [foreign], { diverged: "set_aside" })).toEqual([
      ...["t: 1 step", "  rename the receiver's filesystem to ….aside", "  send full @b: not on the receiver yet"],
    ]);
  });

  test("a filesystem with children is not set aside", () => {
    const plan = planned(sender, [diverged, state("t/child", "@c,5")], { diverged: "set_aside" });
    expect(plan[0]).toMatch(/^t: conflict/);
    expect(plan.at(-1)).toContain("set_aside can't, the filesystem has children");
  });
});

describe("what an earlier run left undone, with nothing to send", () => {
  const tidy = { sender: `@a,1 ${cursor(1)}`, receiver: "@a,1" };
  const healing = (sender: string, senderMore = {}, receiverMore: object = lastReceived("a"), policy: Policy = {}) => {
    const input = planInput([state("t", sender, senderMore)], [state("t", tidy.receiver, receiverMore)], policy);
    const [plan] = planReplication(input).filesystems;
    if (plan?.outcome !== "upToDate") throw new Error("not up to date");
    return [plan.healing?.cursorTo?.name, plan.healing?.lastReceivedTo?.name];
  };
  const nothing = { protection: { initial: "guarantee_nothing", incremental: "guarantee_nothing" } } as const;

  test.each`
    what                            | sender                                                         | senderMore                                                | receiverMore         | healed
    ${"nothing"}                    | ${tidy.sender}                                                 | ${{}}                                                     | ${lastReceived("a")} | ${[undefined, undefined]}
    ${"no cursor"}                  | ${"@a,1"}                                                      | ${{}}                                                     | ${lastReceived("a")} | ${["a", undefined]}
    ${"an old cursor"}              | ${`#x,1 @a,1 ${cursor(1)} #${cursorName(SENDER_JOB, "9")},9`}  | ${{}}                                                     | ${lastReceived("a")} | ${["a", undefined]}
    ${"a tentative cursor"}         | ${`${tidy.sender} #${tentativeCursorName(SENDER_JOB, "1")},1`} | ${{}}                                                     | ${lastReceived("a")} | ${["a", undefined]}
    ${"a step hold"}                | ${tidy.sender}                                                 | ${{ holds: new Map([["a", [stepHoldTag(SENDER_JOB)]]]) }} | ${lastReceived("a")} | ${["a", undefined]}
    ${"a step hold of another job"} | ${tidy.sender}                                                 | ${{ holds: new Map([["a", [stepHoldTag("other")]]]) }}    | ${lastReceived("a")} | ${[undefined, undefined]}
    ${"a cursor of another job"}    | ${`${tidy.sender} #${cursorName("other", "1")},1`}             | ${{}}                                                     | ${lastReceived("a")} | ${[undefined, undefined]}
    ${"no last-received hold"}      | ${tidy.sender}                                                 | ${{}}                                                     | ${{}}                | ${[undefined, "a"]}
  `("$what", ({ sender, senderMore, receiverMore, healed }) => {
    expect(healing(sender, senderMore, receiverMore)).toEqual(healed);
  });

  test("with guarantee_nothing, what is there is too much", () => {
    expect(healing("@a,1", {}, {}, { replication: nothing })).toEqual([undefined, undefined]);
    expect(healing(tidy.sender, {}, lastReceived("a"), { replication: nothing })).toEqual(["a", "a"]);
  });
});

describe("bundles", () => {
  const bundle = { replication: { bundle: true }, initialReplication: "all" } as const;
  const steps = (sender: string, receiver: string, policy: Policy = bundle) => {
    const [plan] = planReplication(
      planInput([state("t", sender)], receiver === "" ? [] : [state("t", receiver)], policy),
    ).filesystems;
    if (plan?.outcome !== "steps") throw new Error("no steps");
    return plan.steps.map(({ from, via, to }) => [from, ...via, to].map((v) => v?.name ?? "full").join(" "));
  };

  test.each`
    what                                    | sender                   | receiver  | bundled
    ${"increments that follow each other"}  | ${"@a,1 @b,2 @c,3 @d,4"} | ${"@a,1"} | ${["a b c d"]}
    ${"a full send goes alone"}             | ${"@a,1 @b,2 @c,3"}      | ${""}     | ${["full a", "a b c"]}
    ${"from a bookmark goes alone"}         | ${"#a,1 @b,2 @c,3 @d,4"} | ${"@a,1"} | ${["a b", "b c d"]}
    ${"a bookmark between does not matter"} | ${"@a,1 @b,2 #b,2 @c,3"} | ${"@a,1"} | ${["a b c"]}
    ${"one only"}                           | ${"@a,1 @b,2"}           | ${"@a,1"} | ${["a b"]}
  `("$what", ({ sender, receiver, bundled }) => {
    expect(steps(sender, receiver)).toEqual(bundled);
  });

  test("never carry a snapshot that is not chosen", () => {
    const replication = { bundle: true, snapshots: { include: [], exclude: [only(/^no/)] } };
    expect(steps("@a,1 @b,2 @no,3 @c,4 @d,5", "@a,1", { replication })).toEqual(["a b", "b c", "c d"]);
    expect(steps("@a,1 @no,2 @b,3 @c,4 @d,5", "@a,1", { replication })).toEqual(["a b", "b c d"]);
  });
});

test("a plan with everything in it reads well", async () => {
  const long = (prefix: string, from: number) =>
    Array.from({ length: 30 }, (_, i) => `@${prefix}${i},${from + i}`).join(" ");
  const token: ResumeToken = { toGuid: "2", fromGuid: "1", toName: "tank/cut off@b", bytes: 5, raw: false };
  const text = planned(
    [
      state("tank", ""),
      state("tank/aside", "@a,1"),
      state("tank/cut off", "@a,1 @b,2 @c,3", {}),
      state("tank/diverged", `@a,1 ${long("s", 100)}`),
      state("tank/new", "@a,1 @b,2"),
      state("tank/refused", "@a,1", {
        refusal: 'encrypted send mandated by policy, but filesystem "tank/refused" is not encrypted',
      }),
      state("tank/same", "@a,1"),
      state("tank/unrelated", "@a,1"),
      state("tank/upon a bookmark", `${cursor(1)} @b,2`),
    ],
    [
      state("tank", "", { isPlaceholder: true }),
      state("tank/aside", ""),
      state("tank/cut off", "@a,1", { resumeToken: "1-abc" }),
      state("tank/diverged", `@a,1 ${long("r", 200)}`, { holds: new Map([["r3", ["my tag"]]]) }),
      state("tank/same", "@a,1"),
      state("tank/unrelated", "@z,77"),
      state("tank/upon a bookmark", "@a,1"),
    ],
    {},
    new Map([["tank/cut off", token]]),
  );
  await expect(`${text.join("\n")}\n`).toMatchFileSnapshot("../golden/replication-plan.txt");
});

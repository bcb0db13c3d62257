import { describe, expect, test } from "vitest";
import type { HookConfig } from "../../src/config/config.ts";
import { parseFilter } from "../../src/config/grammar/filter.ts";
import { planSnapshots } from "../../src/snap/plan.ts";

const hook = (path: string, ...patterns: string[]): HookConfig => ({
  ...{ type: "command", path, timeoutSec: 1, errIsFatal: false },
  filesystems: parseFilter(new Map(patterns.map((pattern) => [pattern, true]))),
});

const filesystems = (...names: string[]) => names.map((filesystem) => ({ filesystem, isPlaceholder: false }));

/** `a/x a/y | b/x` for the groups. */
function shown(names: readonly string[], hooks: readonly HookConfig[] = []) {
  const { groups, hooked, idleHooks } = planSnapshots(filesystems(...names), "s", hooks);
  return {
    groups: groups.map((group) => group.map(({ filesystem }) => filesystem).join(" ")).join(" | "),
    hooked: hooked.map(
      (one) => `${one.filesystem}: ${one.hooks.map((h) => (h.type === "command" ? h.path : "")).join(" ")}`,
    ),
    idle: idleHooks.length,
  };
}

describe("what is taken together", () => {
  test("one group per pool", () => {
    expect(shown(["a", "b", "a/x", "b/x", "ab"]).groups).toBe("a a/x | b b/x | ab");
  });

  test("filesystems with hooks are apart, with their hooks in the config's order", () => {
    const hooks = [hook("1", "a/x"), hook("2", "a<"), hook("3", "zz")];
    expect(shown(["a", "a/x", "b"], hooks)).toEqual({ groups: "b", hooked: ["a: 2", "a/x: 1 2"], idle: 1 });
  });

  test("hooks for everything leave no group", () => {
    expect(shown(["a", "a/x"], [hook("1", "<")])).toEqual({ groups: "", hooked: ["a: 1", "a/x: 1"], idle: 0 });
  });
});

test("placeholders and impossible names are told, not taken", () => {
  const plan = planSnapshots(
    [{ filesystem: "a/p", isPlaceholder: true }, ...filesystems(`a/${"x".repeat(252)}`, "a")],
    "s",
  );
  expect(plan.groups).toEqual([[{ filesystem: "a", name: "s" }]]);
  expect(plan.placeholders).toEqual(["a/p"]);
  expect(plan.impossible).toMatchObject([{ problem: expect.stringContaining("is longer than 255 bytes") }]);
});

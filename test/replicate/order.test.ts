import fc from "fast-check";
import { expect, test } from "vitest";
import type { FilesystemState } from "../../src/endpoint/endpoint.ts";
import { orderSteps } from "../../src/replicate/order.ts";
import { planReplication } from "../../src/replicate/plan.ts";
import { planInput, state } from "./states.ts";

function order(sender: FilesystemState[], receiver: FilesystemState[] = []): string[] {
  const plan = planReplication(planInput(sender, receiver, { initialReplication: "all" }));
  return orderSteps(plan).map(({ step, parents }) => {
    const waits = parents.length === 0 ? "" : ` after ${parents.join(" ")}`;
    return `${step.filesystem}@${step.to.name}${waits}`;
  });
}

test("the oldest snapshot of all filesystems goes first", () => {
  const sender = [state("a", "@1,1,100 @2,2,300"), state("b", "@1,1,50 @2,2,200"), state("c", "@1,1,250")];
  expect(order(sender)).toEqual(["b@1", "a@1", "b@2", "c@1", "a@2"]);
});

test("a parent's first snapshot goes before its child's, however young it is", () => {
  const sender = [
    state("a", "@1,1,900 @2,2,1000"),
    state("a/b", "@1,1,100"),
    state("a/b/c", "@1,1,50"),
    state("aa", "@1,1,500"),
  ];
  expect(order(sender)).toEqual(["aa@1", "a@1", "a/b@1 after a", "a/b/c@1 after a a/b", "a@2"]);
});

test("a child that is on the receiver waits for nobody", () => {
  const sender = [state("a", "@1,1,900"), state("a/b", "@1,1,100 @2,2,200")];
  expect(order(sender, [state("a/b", "@1,1,100")])).toEqual(["a/b@2", "a@1"]);
});

test("a parent that is there already, or only a placeholder, blocks nobody", () => {
  const sender = [
    state("a", "@1,1,1 @2,2,900"),
    state("a/b", "@1,1,100"),
    state("p", "@1,1,800"),
    state("p/q", "@1,1,50"),
  ];
  const receiver = [state("a", "@1,1,1"), state("p", "", { isPlaceholder: true })];
  expect(order(sender, receiver)).toEqual(["p/q@1", "a/b@1", "p@1", "a@2"]);
});

test("a parent that can't be replicated is waited for, in vain", () => {
  const sender = [state("a", "@1,1,900", { refusal: "no" }), state("a/b", "@1,1,100")];
  expect(order(sender)).toEqual(["a/b@1 after a"]);
});

test("steps of one filesystem stay in sequence even if their clocks went backwards", () => {
  expect(order([state("a", "@1,1,900 @2,2,100 @3,3,500"), state("b", "@1,1,600")])).toEqual([
    "b@1",
    "a@1",
    "a@2",
    "a@3",
  ]);
});

test("every step comes after all that it depends on", () => {
  const paths = ["a", "a/b", "a/b/c", "a/d", "e", "e/f"];
  const history = fc.array(fc.nat(1000), { maxLength: 4 });
  fc.assert(
    fc.property(fc.tuple(...paths.map(() => history)), (histories) => {
      const sender = paths.map((path, i) =>
        state(path, (histories[i] ?? []).map((sec, k) => `@${k},${k + 1},${sec}`).join(" ")),
      );
      const steps = orderSteps(planReplication(planInput(sender, [], { initialReplication: "all" })));
      const seen = new Map<string, number>();
      for (const { step, index, parents } of steps) {
        expect(index).toBe(seen.get(step.filesystem) ?? 0);
        for (const parent of parents) expect(seen.get(parent)).toBeGreaterThan(0);
        seen.set(step.filesystem, index + 1);
      }
      expect(steps).toHaveLength(histories.flat().length);
    }),
  );
});

import { expect, test } from "vitest";
import {
  abortReceive,
  createPlaceholder,
  isPlaceholderValue,
  legacyPlaceholderHash,
} from "../../src/zfs/placeholder.ts";
import { fakeRunner, says } from "../fake-runner.ts";

test("zrepl 0.0's value is SHA-512/256 of the name, in hex", () => {
  // FIPS 180-4's example
  expect(legacyPlaceholderHash("abc")).toBe("53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
});

test.each`
  value                           | is
  ${"on"}                         | ${true}
  ${legacyPlaceholderHash("t/a")} | ${true}
  ${legacyPlaceholderHash("t/b")} | ${false}
  ${"off"}                        | ${false}
  ${"ON"}                         | ${false}
  ${""}                           | ${false}
  ${undefined}                    | ${false}
`("t/a with the value $value is a placeholder: $is", ({ value, is }) => {
  expect(isPlaceholderValue("t/a", value)).toBe(is);
});

test.each`
  encryption   | command
  ${"inherit"} | ${"zfs create -o zrepl:placeholder=on -o mountpoint=none t/a b"}
  ${"off"}     | ${"zfs create -o zrepl:placeholder=on -o mountpoint=none -o encryption=off t/a b"}
`("is created in one process, encryption $encryption", async ({ encryption, command }) => {
  const runner = fakeRunner();
  await createPlaceholder(runner, "t/a b", encryption);
  expect(runner.commands).toEqual([command]);
});

test("aborting a receive where there is none counts as done", async () => {
  await abortReceive(
    fakeRunner(() => says("'t' does not have any resumable receive state to abort")),
    "t",
  );
  await abortReceive(
    fakeRunner(() => says("cannot open 't': dataset does not exist")),
    "t",
  );
  const busy = fakeRunner(() => says("cannot abort: permission denied"));
  await expect(abortReceive(busy, "t")).rejects.toMatchObject({ reason: "permission" });
});

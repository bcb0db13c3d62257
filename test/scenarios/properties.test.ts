import { describe, expect, test } from "vitest";
import { Lab, RECEIVER } from "./lab.ts";

describe("property replication", () => {
  test("send -p, inherit and override, as zrepl's test", async () => {
    const lab = new Lab(`
      + "src/a" test:plain=from-sender test:ignored=x test:overridden=from-sender
      + "src/a@1"
      + "src/b"
      + "src/b@1"`);
    await lab.succeed({
      push: { send: { send_properties: true } },
      sink: {
        recv: {
          placeholder: { encryption: "inherit" },
          properties: { inherit: ["test:ignored"], override: { "test:overridden": "from-receiver" } },
        },
      },
    });
    const a = lab.replica("src/a").props;
    expect(a["test:plain"]).toEqual({ received: "from-sender" });
    expect(a["test:ignored"]).toBe(undefined);
    expect(a["test:overridden"]?.local).toBe("from-receiver");
    // also where the sender does not have it
    expect(lab.replica("src/b").props["test:overridden"]?.local).toBe("from-receiver");
    // and not on placeholders
    expect(lab.dataset(`${RECEIVER}/src`).props["test:overridden"]).toBe(undefined);
  });

  test("without send_properties nothing of the sender's arrives", async () => {
    const lab = new Lab(`
      + "src/a" test:plain=from-sender
      + "src/a@1"`);
    await lab.succeed();
    expect(lab.replica("src/a").props["test:plain"]).toBe(undefined);
  });

  test("applies to increments, too", async () => {
    const lab = new Lab(`
      + "src/a" test:one=1
      + "src/a@1"`);
    const changes = { push: { send: { send_properties: true } } };
    await lab.succeed(changes);
    lab.play(`
      = "src/a" test:two=2
      + "src/a@2"`);
    await lab.succeed(changes);
    expect(lab.replica("src/a").props["test:two"]).toEqual({ received: "2" });
  });

  test("a volume gets only what a volume has, a filesystem only what a filesystem has (zrepl #430, #747)", async () => {
    const lab = new Lab(`
      + "src/fs"
      + "src/fs@1"
      + "src/vol" volsize=8M
      + "src/vol@1"`);
    const override = { mountpoint: "none", canmount: "off", volsize: "16M", "test:user": "yes", readonly: "on" };
    const pushed = await lab.succeed({
      sink: {
        recv: {
          placeholder: { encryption: "inherit" },
          properties: { inherit: ["atime", "refreservation"], override },
        },
      },
    });
    const argvOf = (name: string) =>
      pushed.runner.commands.find((command) => command.includes(`src/${name}@1 | zfs recv`))?.split(" | ")[1];
    expect(argvOf("vol")).toBe(
      `zfs recv -u -s -x refreservation -o volsize=16M -o test:user=yes -o readonly=on ${RECEIVER}/src/vol@1`,
    );
    expect(argvOf("fs")).toBe(
      `zfs recv -u -s -x atime -x refreservation -o mountpoint=none -o canmount=off -o test:user=yes -o readonly=on ${RECEIVER}/src/fs@1`,
    );
  });

  test("the flags of send are passed on in zrepl's order; not -S, which zfs takes for no snapshot", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    const all = { raw: true, send_properties: true, backup_properties: true, large_blocks: true, compressed: true };
    const pushed = await lab.push({ push: { send: { ...all, embedded_data: true, saved: true } } });
    expect(pushed.runner.commands.find((command) => command.includes(" | "))).toMatch(
      /^zfs send -v -P -w -p -b -L -c -e src\/a@1 \| /,
    );
  });
});

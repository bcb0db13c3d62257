import { describe, expect, test } from "vitest";
import { identityOf } from "../../src/remote/client-map.ts";

/** zrepl's own table (zrepl-behaviour.md §8.4). */
const clients = new Map(
  Object.entries({
    "10.1.2.3": "specific-host",
    "10.1.2.0/24": "subnet-one-two-*",
    "10.1.1.0/24": "subnet-one-one-*",
    "10.1.0.0/24": "subnet-one-zero-*",
    "10.1.0.0/16": "subnet-one-*",
    "fde4:8dba:82e1:1::1": "v6-48-1-specialhost",
    "fde4:8dba:82e1::/48": "v6-48-*",
    "fde4:8dba:82e1:1::/64": "v6-64-1-*",
    "fde4:8dba:82e1:2::/64": "v6-64-2-*",
    "fe80::/16%eth1": "san-*",
  }),
);

describe("the identity of an address", () => {
  test.each([
    ["10.1.2.3", "specific-host"],
    ["::ffff:10.1.2.3", "specific-host"],
    ["10.1.2.1", "subnet-one-two-10.1.2.1"],
    ["10.1.0.23", "subnet-one-zero-10.1.0.23"],
    ["10.1.3.1", "subnet-one-10.1.3.1"],
    ["10.2.1.1", undefined],
    ["fde4:8dba:82e1:1::1", "v6-48-1-specialhost"],
    ["fde4:8dba:82e1:23::1", "v6-48-fde4:8dba:82e1:23::1"],
    ["fde4:8dba:82e1:1::2", "v6-64-1-fde4:8dba:82e1:1::2"],
    ["fde4:8dba:82e2::1", undefined],
    ["fe80::23:42%eth1", "san-fe80::23:42-eth1"],
    ["fe80::23:42%eth2", undefined],
    ["fe80::23:42", undefined],
    ["nonsense", undefined],
  ])("%s is %s", (address, identity) => {
    expect(identityOf(clients, address)).toBe(identity);
  });

  test("everybody", () => {
    const all = new Map([
      ["0.0.0.0/0", "*"],
      ["0::/0", "*"],
    ]);
    expect(identityOf(all, "10.123.234.24")).toBe("10.123.234.24");
    expect(identityOf(all, "fe80::23:42")).toBe("fe80::23:42");
  });
});

import { describe, expect, test } from "vitest";
import { clientMapProblem, identityProblem } from "../../../src/config/grammar/client-map.ts";
import { parseHostPort } from "../../../src/config/grammar/host-port.ts";
import { propertyNameProblem } from "../../../src/config/grammar/property.ts";
import { parseBoolean, parseInteger } from "../../../src/config/scalar.ts";
import { editDistance, nearest, suggest } from "../../../src/config/suggest.ts";

describe("host:port", () => {
  test.each([
    [":2342", { host: "", port: "2342" }],
    ["h:1", { host: "h", port: "1" }],
    ["1.2.3.4:http", { host: "1.2.3.4", port: "http" }],
    ["[fe80::1%eth0]:1", { host: "fe80::1%eth0", port: "1" }],
    ["h:", { host: "h", port: "" }],
  ])("%j", (text, expected) => {
    expect(parseHostPort(text)).toEqual(expected);
  });

  test.each(["", "h", "fe80::1:80", "[fe80::1]", "[::1", "a:b:c", "[a]b:1"])("%j is none", (text) => {
    expect(() => parseHostPort(text)).toThrow(/must be host:port/);
  });
});

describe("property names", () => {
  test.each(["mountpoint", "org.openzfs:x", "a-b_c", "9", "a".repeat(256)])("%s is one", (name) => {
    expect(propertyNameProblem(name)).toBeUndefined();
  });
  test.each(["", "-o", "a b", "a/b", "ä", "a=b", "a".repeat(257)])("%j is none", (name) => {
    expect(propertyNameProblem(name)).toBeTypeOf("string");
  });
});

describe("the client map of a tcp server (§8.4)", () => {
  test.each([
    ["192.168.123.234", "ident1"],
    ["0.0.0.0/0", "*"],
    ["0::/0", "*"],
    ["10.1.2.0/24", "subnet-one-two-*"],
    ["fde4:8dba:82e1:1::1", "v6-48-1-specialhost"],
    ["fde4:8dba:82e1::/48", "v6-48-*"],
    ["fe80::/16%eth1", "san-*"],
    ["fe80::1%eth1", "san"],
  ])("%s: %s", (key, identity) => {
    expect(clientMapProblem(key, identity)).toBeUndefined();
  });

  test.each([
    ["no address", "jimmy", "x", "neither an IP address"],
    ["a star for one address", "10.0.0.1", "db-*", "must not contain *"],
    ["no star for a network", "10.0.0.0/8", "db-", "exactly one *"],
    ["two stars", "10.0.0.0/8", "*-*", "exactly one *"],
    ["a bad character for a network", "10.0.0.0/8", "db@-*", "identity contains"],
    ["a bad character for an address", "10.0.0.1", "db@foo", "identity contains"],
    ["a network that is too small", "10.0.0.0/33", "*", "number after /"],
    ["a network without size", "10.0.0.0/", "*", "number after /"],
    ["an empty zone", "fe80::1%", "a", "neither an IP address"],
    ["a zone that makes a bad identity", "fe80::/16%eth@1", "*", "identity contains"],
    ["an identity that is too long with the longest address", "10.0.0.0/8", `${"a".repeat(241)}*`, "longer than 255"],
  ])("refuses %s", (_name, key, identity, problem) => {
    expect(clientMapProblem(key, identity)).toContain(problem);
  });

  test("an identity that just fits with the longest address is accepted", () => {
    expect(clientMapProblem("10.0.0.0/8", `${"a".repeat(240)}*`)).toBeUndefined();
  });
});

test.each(["", ".", "..", "a/b", "a@b", "ä", "a+b"])("%j is no identity", (identity) => {
  expect(identityProblem(identity)).toMatch(/^identity .*; must be usable as one component/);
});

test("words that YAML 1.1 does not know as booleans or integers stay texts", () => {
  for (const text of ["yEs", "oN", "t", "1", "", "~"]) expect(parseBoolean(text)).toBeUndefined();
  for (const text of ["", "a", "1.", "1e3", "0x", "_1", "--1", "0b2", "1 ", "9223372036854775808"])
    expect(parseInteger(text)).toBeUndefined();
  expect(["0", "-0x1F", "0o17", "017", "1_0", "08", "1.9"].map(parseInteger)).toEqual([0, -31, 15, 15, 10, 8, 1]);
});

describe("suggestions", () => {
  test.each([
    ["swapped letters", "conenct", "connect"],
    ["a missing letter", "regx", "regex"],
    ["another case", "Jobs", "jobs"],
    ["a hyphen", "root-fs", "root_fs"],
  ])("%s", (_name, word, expected) => {
    expect(nearest(word, ["connect", "regex", "jobs", "root_fs"])).toBe(expected);
  });

  test("nothing is suggested for another word, but all are listed", () => {
    expect(suggest("zzzzzz", ["count", "regex"])).toBe("known here: count, regex");
  });

  test.each([
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "acb", 1],
    ["kitten", "sitting", 3],
  ])("%j and %j are %i apart, both ways", (a, b, distance) => {
    expect([editDistance(a, b), editDistance(b, a)]).toEqual([distance, distance]);
  });
});

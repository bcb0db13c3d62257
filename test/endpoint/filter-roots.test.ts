import fc from "fast-check";
import { expect, test } from "vitest";
import { parseFilter } from "../../src/config/grammar/filter.ts";
import { listingFor } from "../../src/endpoint/filter-roots.ts";

const filter = (rules: Readonly<Record<string, boolean>>) => parseFilter(new Map(Object.entries(rules)));

test.each`
  rules                                                        | listing
  ${{ "<": true }}                                             | ${{ roots: [] }}
  ${{ "<": true, "tank<": true }}                              | ${{ roots: [] }}
  ${{ "tank<": true }}                                         | ${{ roots: ["tank"] }}
  ${{ "tank<": true, "tank/tmp<": false }}                     | ${{ roots: ["tank"] }}
  ${{ "tank<": true, "tank/tmp<": false, "tank/tmp/x": true }} | ${{ roots: ["tank"] }}
  ${{ "b<": true, "a<": true }}                                | ${{ roots: ["a", "b"] }}
  ${{ "tank/a b": true }}                                      | ${{ roots: ["tank/a b"], depth: 1 }}
  ${{ "tank/a": true, "tank/b": true }}                        | ${{ roots: ["tank/a", "tank/b"], depth: 1 }}
  ${{ "tank/a": true, "tank/b<": true }}                       | ${{ roots: ["tank/a", "tank/b"] }}
  ${{ "tank/a": true, "tank/a<": false }}                      | ${{ roots: ["tank/a"], depth: 1 }}
  ${{ "tank<": true, "tankers<": true }}                       | ${{ roots: ["tank", "tankers"] }}
`("for $rules it lists $listing", ({ rules, listing }) => {
  expect(listingFor(filter(rules))).toEqual(listing);
});

test("whatever a filter matches is listed, with its versions", () => {
  const path = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const pattern = fc.tuple(path, fc.boolean()).map(([name, subtree]) => (subtree ? `${name}<` : name));
  const rules = fc.dictionary(pattern, fc.boolean(), { minKeys: 1, maxKeys: 5 });
  fc.assert(
    fc.property(rules, fc.array(path), (entries, filesystems) => {
      const one = filter(entries);
      const { roots, depth } = listingFor(one);
      const isListed = (name: string) =>
        roots.length === 0
          ? one.rules.has("<") && one.rules.get("<")
          : roots.some((root) => name === root || (depth === undefined && name.startsWith(`${root}/`)));
      for (const name of filesystems) if (one.match(name)) expect([name, isListed(name)]).toEqual([name, true]);
      if (depth !== undefined) expect(depth).toBeGreaterThanOrEqual(1); // with 0, the roots' snapshots would be left out
    }),
    { numRuns: 2000 },
  );
});

import { describe, expect, test } from "vitest";
import { mysqlArguments, parseMysqlDsn } from "../../src/hooks/mysql-dsn.ts";
import { DsnError, parsePostgresDsn, postgresEnvironment } from "../../src/hooks/postgres-dsn.ts";

describe("lib/pq's connection strings", () => {
  test.each`
    dsn                                                                                     | parameters
    ${""}                                                                                   | ${{}}
    ${"host=localhost port=5432 user=postgres sslmode=disable"}                             | ${{ host: "localhost", port: "5432", user: "postgres", sslmode: "disable" }}
    ${"  user = me   password='a \\'b\\' \\\\c'  dbname='' "}                               | ${{ user: "me", password: "a 'b' \\c", dbname: "" }}
    ${"password=a\\ b\\\\c host=/run/postgresql"}                                           | ${{ password: "a b\\c", host: "/run/postgresql" }}
    ${"postgres://me:p%40ss@db.example.com:5433/app?sslmode=verify-full&connect_timeout=3"} | ${{ user: "me", password: "p@ss", host: "db.example.com", port: "5433", dbname: "app", sslmode: "verify-full", connect_timeout: "3" }}
    ${"postgresql://[::1]/"}                                                                | ${{ host: "::1" }}
    ${"postgres:///app?host=/run/postgresql"}                                               | ${{ dbname: "app", host: "/run/postgresql" }}
  `("$dsn", ({ dsn, parameters }) => {
    expect(Object.fromEntries(parsePostgresDsn(dsn))).toEqual(parameters);
  });

  test.each(["justaword", "host=a b", "password='open", "postgres://%zz@host/", "postgres://host:notaport/"])(
    "%s is none, and the message does not show it",
    (dsn) => {
      expect(() => parsePostgresDsn(dsn)).toThrow(DsnError);
      expect(() => parsePostgresDsn(dsn)).not.toThrow(dsn);
    },
  );

  test("lib/pq's defaults, not libpq's", () => {
    expect(postgresEnvironment(parsePostgresDsn(""), {}, 30)).toEqual({
      PGHOST: "localhost",
      PGSSLMODE: "require",
      PGCONNECT_TIMEOUT: "30",
      PGAPPNAME: "zrepl-run",
      PGOPTIONS: "-c statement_timeout=30000",
    });
    expect(
      postgresEnvironment(parsePostgresDsn("sslmode=disable"), { PGHOST: "db", PGSSLMODE: "prefer" }, 30),
    ).toMatchObject({
      PGSSLMODE: "disable",
    });
    expect(postgresEnvironment(parsePostgresDsn("user=x"), { PGHOST: "db" }, 30)).not.toHaveProperty("PGHOST");
  });

  test("what is neither lib/pq's parameter nor libpq's is a setting of the session", () => {
    const { PGOPTIONS } = postgresEnvironment(parsePostgresDsn("search_path='a b' binary_parameters=yes"), {}, 1.5);
    expect(PGOPTIONS).toBe("-c statement_timeout=1500 -c search_path=a\\ b");
  });
});

describe("go-sql-driver's connection strings", () => {
  const tcp = (host: string, port = "3306") => ({ type: "tcp", host, port });
  test.each`
    dsn                                         | parsed
    ${"/"}                                      | ${{ user: "", password: "", address: tcp("127.0.0.1"), database: "" }}
    ${"root@tcp(localhost)/"}                   | ${{ user: "root", password: "", address: tcp("localhost") }}
    ${"me:p@ss:w/rd@tcp(10.0.0.1:3307)/app"}    | ${{ user: "me", password: "p@ss:w/rd", address: tcp("10.0.0.1", "3307"), database: "app" }}
    ${"me@tcp([fe80::1%25eth0]:3306)/"}         | ${{ address: tcp("fe80::1%25eth0") }}
    ${"me@unix(/run/mysqld/mysqld.sock)/"}      | ${{ address: { type: "unix", path: "/run/mysqld/mysqld.sock" } }}
    ${"me@unix/"}                               | ${{ address: { type: "unix", path: "/tmp/mysql.sock" } }}
    ${"me@/app%2Fb?tls=skip-verify"}            | ${{ database: "app/b", tls: "skip-verify" }}
    ${"me@/?tls=1&timeout=3s"}                  | ${{ tls: "true", variables: new Map() }}
    ${"me@/?tls=preferred&sql_mode=%27ANSI%27"} | ${{ tls: "preferred", variables: new Map([["sql_mode", "'ANSI'"]]) }}
  `("$dsn", ({ dsn, parsed }) => {
    expect(parseMysqlDsn(dsn)).toMatchObject(parsed);
  });

  test.each([
    "",
    "root@tcp(localhost)",
    "root@tcp(localhost/",
    "root@udp(localhost)/",
    "root@/?tls=mine",
    "root@/?a=1;b",
    "root@/?x=%zz",
  ])("%s is none", (dsn) => {
    expect(() => parseMysqlDsn(dsn)).toThrow(DsnError);
  });

  test("the password is in no argument, and option files don't count", () => {
    const args = mysqlArguments(parseMysqlDsn("me:secret@tcp(db:3307)/app"), "mariadb");
    expect(args[0]).toBe("--no-defaults");
    expect(args).toEqual(
      expect.arrayContaining(["--protocol=TCP", "--host=db", "--port=3307", "--user=me", "--skip-ssl"]),
    );
    expect(args.join(" ")).not.toContain("secret");
  });
});

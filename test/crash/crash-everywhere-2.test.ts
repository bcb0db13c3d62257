import { crashEverywhere } from "./suite.ts";

crashEverywhere(1);

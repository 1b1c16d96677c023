/** A class and its probability. */
export interface Score {
  label: string;
  score: number;
}

/** What the model says of a picture. */
export interface Answer {
  /** Of a model that gives one label: the likeliest class; null of an unknown picture. */
  label?: string | null;
  /** Its probability; null of an unknown picture. */
  score?: number | null;
  /** Of a model that gives any number of labels: those above their thresholds, the likeliest first. */
  labels?: string[];
  /** Whether the picture is of none of the classes, where the model can tell. */
  unknown?: boolean;
  /** How far the picture is from what the model knows. */
  unknownScore?: number;
  /** Every class, the likeliest first. */
  scores: Score[];
}

/** How much each place of a picture speaks for a class: `height` rows of `width` values. */
export interface Heatmap {
  label: string;
  width: number;
  height: number;
  values: Float32Array;
}

/** RGBA pixels, as `ImageData` has them. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** Whatever has a picture: a file, pixels, or what can be drawn on a canvas. */
export type Picture = Blob | Pixels | CanvasImageSource;

export interface LoadOptions {
  /** The bytes of a file of this package, by its name; by default those beside this module. */
  read?: (name: string) => Promise<BufferSource>;
}

/** Loads the model. */
export function load(options?: LoadOptions): Promise<Model>;

/** A picture's pixels, upright and in full; larger ones than browsers have canvases for are reduced. */
export function pixelsOf(picture: Picture): Promise<Pixels>;

export class Model {
  private constructor();
  /** Names of the classes. */
  readonly classes: string[];
  /** What the model is and how pictures become its input. */
  readonly description: Record<string, unknown>;
  /** Width and height of the pictures that the network takes. */
  readonly size: { width: number; height: number };
  /** What is on a picture, which is resized as the model was trained. */
  predict(picture: Picture): Promise<Answer>;
  /** The same of RGBA pixels of any size, at once. */
  predictImageData(pixels: Pixels): Answer;
  /** The same of RGB pixels at the size that the network takes. */
  predictPixels(pixels: Uint8Array): Answer;
  /** The RGB pixels that the network has seen last; a view, which holds until the next prediction. */
  pixels(): Uint8Array;
  /** How much each place of the last picture speaks for a class. */
  heatmap(label: string): Heatmap;
}

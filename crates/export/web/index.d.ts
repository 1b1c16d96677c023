/** A class and its probability. */
export interface Score {
  label: string;
  score: number;
}

/** The model's answer for a picture. */
export interface Answer {
  /** For a model with a single label: the most probable class; null for an unknown picture. */
  label?: string | null;
  /** The probability of `label`; null for an unknown picture. */
  score?: number | null;
  /**
   * For a model that gives any number of labels: those whose probability reaches their threshold, most probable first;
   * empty for an unknown picture.
   */
  labels?: string[];
  /** Whether the picture is of none of the classes; absent if the model cannot detect that. */
  unknown?: boolean;
  /** How much the picture looks like one of none of the classes; higher means more. Absent if `unknown` is. */
  unknownScore?: number;
  /** All classes with their probabilities, most probable first. */
  scores: Score[];
}

/** How much each position of a picture contributes to a class: `height` rows of `width` values. */
export interface Heatmap {
  label: string;
  width: number;
  height: number;
  values: Float32Array;
}

/** RGBA pixels, in the layout of `ImageData`: row by row, four bytes per pixel. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** A picture: a file, pixels, or anything that can be drawn on a canvas. */
export type Picture = Blob | Pixels | CanvasImageSource;

/** Options of `load`. */
export interface LoadOptions {
  /** Reads a file of this package, by its name. By default, the files beside this module are read. */
  read?: (name: string) => Promise<BufferSource>;
}

/** Loads the model. Rejects if a file cannot be read, or if the engine cannot run it. */
export function load(options?: LoadOptions): Promise<Model>;

/** The pixels of the whole picture, upright. Pictures too large for a canvas are reduced. */
export function pixelsOf(picture: Picture): Promise<Pixels>;

/** A loaded classifier. */
export class Model {
  private constructor();
  /** Names of the classes. */
  readonly classes: string[];
  /** The description of the model, including the preprocessing of pictures. */
  readonly description: Record<string, unknown>;
  /** Width and height of the pictures that the network takes. */
  readonly size: { width: number; height: number };
  /** Classifies a picture. It is resized in the same way as in training. */
  predict(picture: Picture): Promise<Answer>;
  /** Classifies RGBA pixels of any size, synchronously. Throws a `RangeError` if their number is wrong or too large. */
  predictImageData(pixels: Pixels): Answer;
  /** Classifies u8 RGB pixels at the size of the network's input. Throws a `RangeError` if their number is wrong. */
  predictPixels(pixels: Uint8Array): Answer;
  /** The network's last input, u8 RGB: a view, which is valid until the next prediction. */
  pixels(): Uint8Array;
  /** How much each position of the last picture contributes to a class. Throws a `RangeError` for an unknown class. */
  heatmap(label: string): Heatmap;
}

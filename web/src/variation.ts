/** What a size would be with other arguments: polynomials of whole numbers, which Python made. */

export type Variation = unknown;

/** Results: memory of the module for the time of a call, and its copy outside. */

import type { NdArray } from "./arrays.js";
import type { Scope } from "./module.js";

export class Output<T extends Uint8Array | Int32Array | Float32Array> {
  readonly struct: number;
  private readonly address: number;

  /** `view` is how the module sees the memory, where that is not the result's own shape. */
  constructor(
    private readonly scope: Scope,
    private readonly type: { new (buffer: ArrayBufferLike, at: number, length: number): T },
    private readonly shape: readonly number[],
    view?: { shape: readonly number[]; strides: readonly number[] },
  ) {
    const dtypes = { Uint8Array: "uint8", Int32Array: "int32", Float32Array: "float32" } as const;
    const dtype = dtypes[type.name as keyof typeof dtypes];
    this.address = scope.allocate(this.length * (dtype === "uint8" ? 1 : 4));
    this.struct = scope.array(this.address, dtype, view?.shape ?? shape, view?.strides);
  }

  private get length(): number {
    return this.shape.reduce((product, side) => product * side, 1);
  }

  /** The result; without its batch axis where the input had none. */
  read(isBatch: boolean): NdArray<T> {
    const { buffer } = this.scope.module.view();
    const data = new this.type(buffer, this.address, this.length).slice() as T;
    return { data, shape: isBatch ? this.shape : this.shape.slice(1) };
  }
}

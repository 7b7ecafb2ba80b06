"use strict";
/* A list of numbers that grows in a typed array: pushing to a plain array costs several times the memory. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /** The least of some numbers; Math.min(...numbers) fails on long lists. */
  Cerulean.least = (numbers) => numbers.reduce((a, b) => (b < a ? b : a), Infinity);

  /** The greatest of some numbers. */
  Cerulean.most = (numbers) => numbers.reduce((a, b) => (b > a ? b : a), -Infinity);

  /** Whole numbers from 0 to 2^53 as pushed; `done(Type)` gives them in a typed array of their own. */
  Cerulean.Numbers = class Numbers {
    constructor() {
      this.length = 0;
      this.data = new Float64Array(48);
    }

    /** Room for `more` further numbers. */
    reserve(more) {
      if (this.length + more <= this.data.length) return;
      const larger = new Float64Array(Math.max(this.data.length * 2, this.length + more));
      larger.set(this.data.subarray(0, this.length));
      this.data = larger;
    }

    push(a) {
      this.reserve(1);
      this.data[this.length++] = a;
    }

    push3(a, b, c) {
      this.reserve(3);
      this.data[this.length++] = a;
      this.data[this.length++] = b;
      this.data[this.length++] = c;
    }

    push4(a, b, c, d) {
      this.reserve(4);
      this.data[this.length++] = a;
      this.data[this.length++] = b;
      this.data[this.length++] = c;
      this.data[this.length++] = d;
    }

    /** All numbers from place `from` on. */
    done(Type, from = 0) {
      return Type.from(this.data.subarray(from, this.length));
    }
  };
})();

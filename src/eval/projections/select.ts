/**
 * The kth largest of the first `count` values, which are reordered: O(count) on average (Hoare's FIND).
 *
 * @param k from 1, the largest, to count
 */
export function kthLargest(values: Float32Array, count: number, k: number): number {
  let [low, high] = [0, count - 1];
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let [i, j] = [low, high];
    while (i <= j) {
      while (values[i]! > pivot) i += 1;
      while (values[j]! < pivot) j -= 1;
      if (i > j) break;
      const swapped = values[i]!;
      values[i++] = values[j]!;
      values[j--] = swapped;
    }
    // All from low to j are ≥ the pivot, all from i to high ≤ it; what lies between equals it.
    if (k - 1 <= j) high = j;
    else if (k - 1 >= i) low = i;
    else return pivot;
  }
  return values[low]!;
}

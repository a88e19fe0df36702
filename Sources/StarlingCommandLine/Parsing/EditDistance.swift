/// How far a mistyped word is from the words we know.
package enum EditDistance {
    /// The least number of letters to insert, drop, replace or swap with a neighbour to turn one into the other.
    package static func between(_ first: String, _ second: String) -> Int {
        let (left, right) = (Array(first), Array(second))
        if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in 1...left.count {
            var current = [row] + [Int](repeating: 0, count: right.count)
            for column in 1...right.count {
                let cost = left[row - 1] == right[column - 1] ? 0 : 1
                current[column] = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + cost)
                let isSwap =
                    row > 1 && column > 1 && left[row - 1] == right[column - 2]
                    && left[row - 2] == right[column - 1]
                if isSwap { current[column] = min(current[column], beforeLast[column - 2] + 1) }
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }

    /// The word to suggest for `word`: the nearest one, if it is near enough to be meant.
    ///
    /// Near enough is a third of the letters, at least one; or the beginning of a word, from three letters on.
    /// Dashes in front do not count as letters. Of words equally near the first wins. Words longer than 64 letters are not compared.
    package static func nearest(to word: String, among candidates: [String]) -> String? {
        let bare = word.drop { $0 == "-" }.lowercased()
        guard !bare.isEmpty, bare.count <= 64 else { return nil }
        var best: (word: String, distance: Int)?
        for candidate in candidates {
            let distance = between(bare, candidate.drop { $0 == "-" }.lowercased())
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        if let best, best.distance <= max(1, (bare.count + 1) / 3) { return best.word }
        return bare.count < 3 ? nil : candidates.first { $0.drop { $0 == "-" }.hasPrefix(bare) }
    }
}

/// Rows of text in aligned columns, for people.
package struct TextTable: Sendable {
    package enum Alignment: Sendable { case left, right }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    package init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

    /// Adds a row; a cell that is missing is empty, one too many is dropped.
    package mutating func append(_ cells: [String]) {
        rows.append(columns.indices.map { $0 < cells.count ? TerminalText.oneLine(cells[$0]) : "" })
    }

    /// The lines, without trailing spaces, the titles in `style`'s bold.
    package func render(_ style: TextStyle) -> String {
        let titles = columns.map(\.title)
        let widths = columns.indices.map { column in
            rows.reduce(titles[column].count) { max($0, $1[column].count) }
        }
        let lines = [style.bold(line(titles, widths))] + rows.map { line($0, widths) }
        return lines.map { $0 + "\n" }.joined()
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var text = ""
        for (column, cell) in cells.enumerated() {
            let pad = String(repeating: " ", count: widths[column] - cell.count)
            text += (column == 0 ? "" : "  ") + (columns[column].alignment == .left ? cell + pad : pad + cell)
        }
        while text.last == " " { text.removeLast() }
        return text
    }
}

/// Labels and values, one pair a line, the values aligned.
package struct FactList: Sendable {
    private var facts: [(label: String, value: String)] = []

    package init() {}

    package mutating func append(_ label: String, _ value: String) {
        facts.append((label, TerminalText.oneLine(value)))
    }

    /// One label for several values; the label stands once.
    package mutating func append(_ label: String, _ values: [String]) {
        for (index, value) in values.enumerated() { append(index == 0 ? label : "", value) }
    }

    package func render(_ style: TextStyle) -> String {
        let width = facts.reduce(0) { max($0, $1.label.count) }
        return facts.map { fact in
            style.dim(fact.label) + String(repeating: " ", count: width - fact.label.count + 2) + fact.value
                + "\n"
        }.joined()
    }
}

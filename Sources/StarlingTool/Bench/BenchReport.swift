internal import StarlingCommandLine
internal import StarlingCore

/// One figure: what each round gave.
struct BenchFigure {
    /// The name that scripts rely on.
    let key: String
    /// What people call it.
    let label: String
    let unit: String
    var rounds: [Double] = []

    init(_ key: String, _ label: String, _ unit: String, _ rounds: [Double] = []) {
        self.key = key
        self.label = label
        self.unit = unit
        self.rounds = rounds
    }

    /// The middle round; of an even number the lower one of the two.
    var median: Double? { rounds.isEmpty ? nil : rounds.sorted()[(rounds.count - 1) / 2] }
}

/// What a bench found.
struct BenchReport {
    /// What holds for all figures, such as the cipher.
    var facts: [(key: String, value: JSON)] = []
    var figures: [BenchFigure] = []

    /// One object: the facts, each figure's median, and under `spread` the lowest and the highest round.
    var json: JSON {
        var object = JSON(members: facts.map { ($0.key, $0.value) })
        var spread = JSON(members: [])
        for figure in figures {
            object[figure.key] = Self.number(figure.median)
            if figure.rounds.count > 1, let low = figure.rounds.min(), let high = figure.rounds.max() {
                spread[figure.key] = .array([Self.number(low), Self.number(high)])
            }
        }
        object["spread"] = spread
        return object
    }

    private static func number(_ value: Double?) -> JSON {
        guard let value, value.isFinite else { return .null }
        if value == value.rounded(), abs(value) < 1e15 { return .integer(Int64(value)) }
        return .double((value * 10_000).rounded() / 10_000)
    }

    /// The facts in a line, and a table of the figures.
    func render(_ style: TextStyle) -> String {
        var list = FactList()
        for fact in facts { list.append(fact.key, fact.value.string ?? fact.value.text) }
        var table = TextTable([
            ("figure", .left), ("median", .right), ("unit", .left), ("lowest", .right), ("highest", .right),
        ])
        for figure in figures {
            let spread =
                figure.rounds.count > 1
                ? [figure.rounds.min(), figure.rounds.max()].map(Self.text) : []
            table.append([figure.label, Self.text(figure.median), figure.unit] + spread)
        }
        return list.render(style) + table.render(style)
    }

    private static func text(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "-" }
        if abs(value) >= 1000 || value == value.rounded() { return "\(Int64(value.rounded()))" }
        return DecimalText.write(value, significantDigits: 3)
    }
}

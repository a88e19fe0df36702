internal import StarlingCore

/// What the inbox has made of a message so far.
package enum InboxStanding: Equatable, Sendable {
    /// Nothing: it did not come, or what came of it was not written.
    case open
    /// It is being read, or on its way to the disk.
    case undecided
    /// It is on the disk, and waits for its file.
    case held
    /// It is decided for good, and the disk knows.
    case ended(Receipt.Outcome)
}

extension Inbox {
    /// How a message stands that was offered, by its header.
    ///
    /// What its sender has settled since counts as expired: nobody waits for another answer.
    package func standing(of header: MessageHeader) -> InboxStanding {
        guard let place = header.place, let sender = senderIndex[header.from],
            let index = seriesIndex[SeriesName(sender: sender, series: place.series)]
        else { return .open }
        if let decision = series[index].decisions[place.number] {
            guard decision.id == header.id else { return .ended(.expired) }
            switch decision.state {
            case .reading, .storing: return .undecided
            case .held: return held[decision.held]?.isStored == true ? .held : .undecided
            case .owed: return .ended(decision.outcome)
            }
        }
        switch series[index].window.standing(of: place.number) {
        case .settled, .decided: return .ended(.expired)
        case .open, .beyond: return .open
        }
    }
}

internal import StarlingCore

extension Liveness {
    package struct Limits: Sendable {
        // MARK: Probes

        /// How often a neighbour is asked whether it is alive, one after the other.
        ///
        /// A node with many neighbours asks less often: each of them is asked by others as well, and who hears of a suspect asks it
        /// at once.
        package var probeInterval: Duration = .seconds(1)
        /// With each so many neighbours the interval is twice as long, up to so many times.
        package var probeIntervalLinkCount = 3
        package var probeIntervalDoublingMax = 2
        /// How long an answer may take before other neighbours are asked to ask.
        ///
        /// They have as long again. A neighbour whose answers take longer has more time, up to the most.
        package var probeTimeout: Duration = .milliseconds(500)
        package var probeTimeoutMax: Duration = .milliseconds(2500)
        /// Neighbours that are asked to ask.
        package var requestCountMax = 8
        /// Requests of one neighbour that are under way; of more it is told that nothing is known.
        package var neighbourErrandCountMax = 8
        /// How bad this node may take its own health for: intervals and time-outs of its probes are so many times
        /// longer, and once more.
        package var scoreMax = 8
        /// How often an accusation of silence makes it worse: of forged ones there is no end.
        package var accusationPause: Duration = .seconds(30)
        /// How late a timer may be before that is taken for lack of processor time.
        ///
        /// What else was due is put off by as much from there on: answers may be waiting to be read.
        package var latenessMax: Duration = .milliseconds(250)

        // MARK: Suspicion

        /// How long a suspect has to contradict when several neighbours accuse it, in a small mesh.
        package var suspicionMin: Duration = .seconds(4)
        /// By how much that grows with each tenfold of members, where it is more than the least.
        package var suspicionGrowth: Duration = .milliseconds(1500)
        /// How many times longer it has when only one neighbour accuses it.
        package var suspicionRatio = 3.0
        /// Further accusers with which it has the least.
        package var confirmationCount = 3

        // MARK: News

        /// How long news wait for more before they are sent on.
        package var gossipInterval: Duration = .milliseconds(100)
        /// How long it waits to be told that somebody is still there, unless a frame goes out anyway.
        package var lazyInterval: Duration = .seconds(20)
        /// How often a node tells that somebody is accused or not any more, for each tenfold of members.
        ///
        /// At least once to each neighbour, as all other news.
        package var tellingsPerDecade = 4
        /// News that one neighbour may bring at once; more are not taken, and asked for again when it brings less.
        package var newsBurst = 2048
        /// News a second that one neighbour may bring in the long run; each of them goes through the whole mesh.
        package var newsPerSecond = 32
        /// Neighbours that have gone of whom it is remembered what they brought; whoever comes again may bring no more than before.
        package var formerLinkCountMax = 256
        /// By how much a member's incarnation may rise without its signature.
        package var unprovenStepMax: UInt64 = 65_536

        // MARK: Members

        /// Members that are known, this one included; see ``Liveness/makeRoom(for:)`` for who gives way.
        package var memberCountMax = 1024
        /// How long a member may have to give way to others; the table prunes those who came of late by it.
        package var youthDuration: Duration = .seconds(60)
        /// Neighbours that are watched; more are not.
        package var linkCountMax = 64
        /// How often a node raises its own incarnation, to say that it is still there.
        package var renewInterval: Duration = .seconds(600)
        /// How long nothing may be heard from a member before it is taken for dead: three renewals.
        package var silenceMax: Duration = .seconds(1800)
        /// How long the dead are remembered, so that old news do not bring them back.
        package var deadDuration: Duration = .seconds(600)
        /// How long at least, also when others need the room: who is dead by mistake has time to say so.
        package var deadDurationMin: Duration = .seconds(120)
        /// How often the table is looked through for all that, and for neighbours to be asked for theirs.
        package var sweepInterval: Duration = .seconds(30)
        /// How long a neighbour waits to get the table once more, and must have brought little before it is asked for its own.
        package var tableInterval: Duration = .seconds(15)

        package var frame = LivenessFrame.Limits()

        package init() {}
    }
}

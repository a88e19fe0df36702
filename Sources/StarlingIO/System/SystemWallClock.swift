internal import CSys
package import StarlingCore
internal import StarlingWorld

/// The operating system's time of day.
package struct SystemWallClock: WallClock {
    package init() {}

    package var now: WallTime { WallTime(millisecondsSince1970: csys_wall_milliseconds()) }
}

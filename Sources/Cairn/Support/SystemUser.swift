#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A user of the system, by the numbers that it goes by.
struct SystemUser: Equatable {
    var userID: uid_t
    var groupID: gid_t

    /// nil if there is no such user.
    init?(named name: String) {
        guard let entry = getpwnam(name) else { return nil }
        (userID, groupID) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
    }

    /// Gives an open file to the user, if it is a file on a disk that lies under just this path. What a link leads to is
    /// left alone: whoever may write the folder could have the user given any file of root's.
    func take(_ descriptor: CInt, at path: String) {
        var (file, name) = (stat(), stat())
        guard fstat(descriptor, &file) == 0, lstat(path, &name) == 0,
            file.st_mode & S_IFMT == S_IFREG, file.st_nlink == 1, file.st_dev == name.st_dev,
            file.st_ino == name.st_ino
        else { return }
        // Where that fails the file stays open all the same; to open it again fails with the reason.
        _ = fchown(descriptor, userID, groupID)
    }
}

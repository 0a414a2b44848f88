/// The version of this library and of `cairn`.
public let cairnVersion = "0.1.0"

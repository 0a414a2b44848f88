import Cairn

print("cairn")

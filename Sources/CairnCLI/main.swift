import Cairn
print("cairn")

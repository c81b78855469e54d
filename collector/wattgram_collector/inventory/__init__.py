"""From metered energy and other activities to the categories that an organisation answers for.

What an asset is and who pays for it decides where its joules go (decision), what it is made of
what its making emitted (embodied), everything else comes as activities. All of it ends in one
type, `Posting`, of which the Technology Carbon Standard's and the GHG Protocol's totals are sums.
"""

"""Demonstration data in bulk: what operations write for some stories, written again and again with other ids and times.

stories    what happens: problems of a stack, and how far their incidents came
capturing  let operations play a story, take the rows that they wrote, and roll all of it back
molds      from two captures of one story to a mold: what differs is an id, what is a time moves with the story
casting    rows of many incidents from molds, by COPY
planning   which incidents are to be made, in which pieces, and which of them are there already

So the data is what operations write, whatever they come to write: nothing here knows the columns of a table.
"""

"""A whole index over HTTP: the same documents and the same ranking as in a folder."""

import json

from glassdex.indexer.document import Document
from glassdex.indexer.index import Index
from glassdex.indexer.run import index_documents
from glassdex.search.request import MODES, SearchRequest
from glassdex.search.searcher import Searcher
from glassdex.settings import Settings
from glassdex.store.filters import parse


def test_a_server_and_a_folder_give_the_same_ranking(server, tmp_path, demo_texts):
    documents = [
        Document(str(n), "demo", "text", text, {"n": n}) for n, text in enumerate(demo_texts[:40])
    ]
    folder = Settings(home=tmp_path, url=None)
    answers = []
    for settings in (folder, folder.model_copy(update={"url": server.url})):
        with Index.open_or_create(settings, "whole") as index:
            first = index_documents(index, documents)
            again = index_documents(index, documents)
            searcher = Searcher(index)
            requests = [
                SearchRequest(text, k=15, mode=mode, where=where)
                for text in ("asks for a refund", "thank you")
                for mode in MODES
                for where in (None, parse(["n<20"]))
            ]
            rankings = [searcher.ranking(request) for request in requests]
            answers.append(((first.indexed, again.indexed, again.skipped), rankings))
    assert answers[0][0] == (40, 0, 40)
    assert json.dumps(answers[0]) == json.dumps(answers[1])

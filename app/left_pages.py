"""What a page that was left still asks for is not answered.

A page asks for its fragments until the browser has heard of the next page. Streamlit 1.67 runs such a request after the
next page, finds no fragment, and tells the browser that the page before is there again: both end up blank. The slower
the machine, the likelier that is.
"""

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession


def ignore_left_pages() -> None:
    """From now on a session runs fragments of the page that it shows, or was told to show, and of no other."""
    request = AppSession.request_rerun

    def request_rerun(session: AppSession, client_state: ClientState | None) -> None:
        if client_state is not None and client_state.page_script_hash:  # a first visit knows the page's name alone
            if client_state.fragment_id and client_state.page_script_hash != session.page_script_hash:
                return
            session._client_state.page_script_hash = client_state.page_script_hash
        request(session, client_state)

    if request.__module__ != __name__:  # a server's script may be loaded anew
        AppSession.request_rerun = request_rerun  # type: ignore[method-assign, assignment]

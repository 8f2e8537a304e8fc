'use strict';
// Follows a job: what its page shows is fetched again every few seconds, until there is nothing to follow.
(function() {
    const PAUSE = 3000;

    async function follow() {
        try {
            const response = await fetch(location.href, {credentials: 'same-origin'});
            if (response.status >= 500) {
                throw new Error(response.statusText);
            }
            const page = new DOMParser().parseFromString(await response.text(), 'text/html');
            const shown = page.getElementById('job');
            if (!shown || !('follow' in shown.dataset)) {
                location.reload();
                return;
            }
            document.getElementById('job').replaceWith(document.adoptNode(shown));
        } catch {
            // The server cannot be reached, or not answer: it is asked again.
        }
        setTimeout(follow, PAUSE);
    }

    setTimeout(follow, PAUSE);
})();

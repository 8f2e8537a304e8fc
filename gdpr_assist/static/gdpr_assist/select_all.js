'use strict';
// A checkbox with data-covers ticks and unticks the boxes of that selector, in its table or else in the whole form, and
// loses its own tick when one of them loses its.
(function() {
    const form = document.getElementById('results-form');
    if (!form) {
        return;
    }
    const covering = Array.from(form.querySelectorAll('[data-covers]'));

    function covered(box) {
        const scope = box.closest('.gdpr-table') || form;
        return Array.from(scope.querySelectorAll(box.dataset.covers));
    }

    function update() {
        covering.forEach(function(box) {
            const boxes = covered(box);
            const checked = boxes.filter(each => each.checked).length;
            // One with a name stands for rows that are not shown too, so that only the user ticks it.
            box.checked = checked === boxes.length && (box.checked || !box.name);
            box.indeterminate = checked > 0 && !box.checked && !box.name;
        });
        form.querySelectorAll('[name=obj_pk]').forEach(function(box) {
            box.closest('tr').classList.toggle('selected', box.checked);
        });
    }

    // Those without a name are hidden without JavaScript, where they would do nothing.
    covering.forEach(function(box) {
        box.hidden = covered(box).length === 0 && !box.name;
    });
    form.addEventListener('change', function({target}) {
        if (target.dataset.covers) {
            covered(target).forEach(function(box) {
                box.checked = target.checked;
            });
        }
        update();
    });
    // Also when the browser brings the page back with its boxes ticked
    window.addEventListener('pageshow', update);
})();

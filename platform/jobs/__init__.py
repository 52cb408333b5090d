"""Work in the background: leased rows are the queue, Celery only wakes workers, a sweep finds what messages missed."""
